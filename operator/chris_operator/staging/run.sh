# Runs a plugin's command:   busybox sh run STATE [DEADLINE GRACE] -- COMMAND...
#
# Holds the FIFO STATE/alive for as long as the command lives, so that the kernel tells `publish` its start and
# its end, however it dies. Copies its output to STATE/log, leaves exit code, CPU time and peak memory in
# STATE/usage, ends with the command's code. Needs nothing but the static busybox that runs it: the plugin's
# image may have no shell. It is the container's first process; what the command left behind ends with it.
# After DEADLINE seconds the command gets SIGTERM, GRACE seconds later SIGKILL, and the end is told as 124.

state=$1 deadline= late= timer=
[ "$2" = -- ] || deadline=$2 grace=$3
while [ "$1" != -- ]; do shift; done
shift

# Until the command starts, any way out means that it was aborted: opening a FIFO fails when SIGTERM comes.
trap 'exit 143' TERM EXIT

check_input() {
	[ "$(cat "$state/ready")" = ready ] && return
	trap - EXIT
	echo "run: the inputs could not be staged; see the container stage-in" >&2
	exit 75
}

[ ! -e "$state/ready" ] || check_input # where that failed long ago, publish is gone already

# busybox prefers its own applets to programs of the image, so names are looked up here.
program=$1
case $program in
*/*) ;;
*)
	program=
	IFS=:
	for directory in $PATH; do
		[ -f "$directory/$1" ] && [ -x "$directory/$1" ] && program=$directory/$1 && break
	done
	unset IFS
	;;
esac

cpu_now() { # nanoseconds, cgroup v2 or v1
	if [ -r /sys/fs/cgroup/cpu.stat ]; then
		sed -n 's/^usage_usec \([0-9]*\)$/\1000/p' /sys/fs/cgroup/cpu.stat
	else
		cat /sys/fs/cgroup/cpuacct/cpuacct.usage
	fi 2>/dev/null
}
memory_peak() { # bytes, cgroup v2 or v1
	cat /sys/fs/cgroup/memory.peak || cat /sys/fs/cgroup/memory/memory.max_usage_in_bytes
} 2>/dev/null

rm -rf "$state/output" "$state/log" "$state/usage"
mkfifo "$state/output"
exec 4<>"$state/output" 5<"$state/output" 6>"$state/output" 4>&-
rm "$state/output"

# publish reads the FIFO once stage-in has ended, well or badly: opening it waits for that.
mkfifo "$state/alive" 2>/dev/null # whoever comes first makes it
exec 3>"$state/alive"
check_input
trap - EXIT
cpu_start=$(cpu_now)

# The log is opened before the command lives, which could put something else in its place first.
exec 7>"$state/log"
tee /proc/self/fd/7 <&5 3>&- 6>&- &
tee=$!
exec 7>&-
if [ -n "$program" ]; then
	shift
	"$program" "$@" >&6 2>&6 3>&- 5<&- 6>&- &
else
	(echo "run: $1: not found in PATH=$PATH" >&6; exit 127) 3>&- 5<&- &
fi
child=$!
trap 'kill -TERM $child' TERM
trap 'late=1; kill -TERM $child' USR1

stop_in_time() {
	trap 'kill $!; exit' TERM
	sleep "$deadline" &
	wait $!
	kill -USR1 $$
	sleep "$grace" &
	wait $!
	kill -KILL $child
}
if [ -n "$deadline" ]; then
	(stop_in_time) 3>&- 5<&- 6>&- &
	timer=$!
fi
exec 5<&- 6>&- 2>/dev/null # the shell's own words ("Killed") are not the plugin's

# A signal ends wait early: wait again for as long as the command is there.
while
	wait $child
	code=$?
	kill -0 $child
do :; done
trap '' TERM USR1
[ -z "$late" ] || code=124
[ -z "$timer" ] || kill -TERM $timer

# What the command left behind may hold its output open; in a container of our own it ends here.
if [ $$ = 1 ]; then
	for process in /proc/[0-9]*; do
		case ${process#/proc/} in
		1 | "$tee") ;;
		*) kill -KILL "${process#/proc/}" ;;
		esac
	done
fi
# The pipe's rest is copied within moments; a stranger who holds the pipe shall not hold us.
(sleep 5; kill -KILL $tee) 3>&- &
watchdog=$!
wait $tee
kill -KILL $watchdog

cpu_end=$(cpu_now)
if [ -n "$cpu_start" ] && [ -n "$cpu_end" ]; then
	microseconds=$(((cpu_end - cpu_start) / 1000))
	cpu=$(printf '%d.%06d' $((microseconds / 1000000)) $((microseconds % 1000000)))
fi
peak=$(memory_peak)
# What the command itself left under the file's name, were it a directory, is moved aside: nothing may stand in the
# way of the truth, and nothing of it is opened.
usage=$(mktemp "$state/XXXXXX")
printf '{"exitCode":%d,"cpuSeconds":%s,"peakMemoryBytes":%s}\n' $code "${cpu:-null}" "${peak:-null}" >"$usage"
mv -T "$state/usage" "$usage.aside"
mv -T "$usage" "$state/usage"
exit $code
