"""Test the plugins natively, each in an environment made from its own lock: `run_tests.py [NAME…]`.

Standard library only. The environments are cached by content; a second run starts testing at once.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOTS = (HERE, HERE.parent / "tests" / "e2e" / "plugins")
LOCKS = ("requirements.txt", "requirements-build.txt", "requirements-data.txt", "requirements-reference.txt")
# What the sample depends on, in plugins/pl-sample-t1.
SAMPLE_MAKERS = (
    "sdist.txt",
    "requirements-data.txt",
    "pl_sample_t1/algorithm.py",
    "pl_sample_t1/make_data.py",
)
# What the templates depend on, in plugins/pl-register.
TEMPLATE_MAKERS = ("template.txt", "requirements.txt", "pl_register/algorithm.py", "pl_register/template.py")
# One thread and one seed, as in the images: the same arrays on every run.
FIXED = {
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
    "ANTS_RANDOM_SEED": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def cache() -> Path:
    """The project's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chris-on-kubernetes"


def plugins() -> dict[str, Path]:
    """Every plugin that has a program of its own (what only links has none), by name."""
    found = (path.parent for root in ROOTS for path in sorted(root.glob("pl-*/pyproject.toml")))
    return {folder.name: folder for folder in found}


def fingerprint(files: list[Path]) -> str:
    """A digest of names and contents, short enough for a folder's name."""
    digest = hashlib.sha256(sys.version.encode())
    for file in files:
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def run(*command: str | Path, **environment: str) -> int:
    """Run a command in this terminal and return its exit code."""
    return subprocess.run(
        [str(word) for word in command], check=False, env={**os.environ, **environment}
    ).returncode


def must(*command: str | Path) -> None:
    """Run a command that has to succeed."""
    if code := run(*command):
        sys.exit(f"{' '.join(map(str, command))} ended with exit code {code}; see its message above")


def environment(folder: Path) -> Path:
    """The plugin's virtual environment, made from its locks on first use; returns its `bin` folder."""
    locks = [HERE / "requirements-test.txt", *(folder / lock for lock in LOCKS if (folder / lock).exists())]
    venv = cache() / "venvs" / f"{folder.name}-{fingerprint(locks)}"
    if not (venv / "complete").exists():
        print(f"{folder.name}: making its environment from {len(locks)} locks", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        must(sys.executable, "-m", "venv", venv)
        words = [word for lock in locks for word in ("-r", str(lock))]
        must(venv / "bin" / "pip", "install", "--quiet", "--require-hashes", *words)
        (venv / "complete").touch()
    return venv / "bin"


def install(folder: Path, binaries: Path) -> None:
    """Install the plugin as its Dockerfile does, from a copy: a build leaves folders beside its source."""
    sources = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix in {".py", ".toml", ".cfg"}
    )
    stamp = binaries.parent / "installed"
    now = fingerprint([path for path in sources if "tests" not in path.parts[len(folder.parts) :]])
    if stamp.exists() and stamp.read_text() == now:
        return
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copytree(folder, Path(scratch, folder.name))
        switches = ("--quiet", "--no-deps", "--no-build-isolation", "--force-reinstall")
        must(binaries / "pip", "install", *switches, copy)
    stamp.write_text(now)


def sample_data() -> Path:
    """The real head that pl-sample-t1 gives, made as in its Dockerfile on first use (two minutes)."""
    folder = HERE / "pl-sample-t1"
    makers = [folder / name for name in SAMPLE_MAKERS]
    data = cache() / "plugin-data" / f"sample-t1-{fingerprint(makers)}"
    if not data.exists():
        binaries = environment(folder)
        install(folder, binaries)
        print("pl-sample-t1: making the sample (about two minutes, once)", flush=True)
        draft = data.with_name(f"{data.name}.{os.getpid()}")
        with tempfile.TemporaryDirectory() as scratch:
            sdist = Path(scratch, "sdist.tar.gz")
            must(binaries / "python", folder / "fetch_sdist.py", folder / "sdist.txt", sdist)
            must(binaries / "python", "-m", "pl_sample_t1.make_data", sdist, draft)
        draft.rename(data)
    return data


def templates(folder: Path) -> Path:
    """The standard brains of pl-register, made as in its Dockerfile on first use (seconds)."""
    makers = [folder / name for name in TEMPLATE_MAKERS]
    data = cache() / "plugin-data" / f"templates-{fingerprint(makers)}"
    if not data.exists():
        binaries = environment(folder)
        install(folder, binaries)
        draft = data.with_name(f"{data.name}.{os.getpid()}")
        with tempfile.TemporaryDirectory() as scratch:
            switches = ("--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes")
            must(binaries / "pip", "download", *switches, "-r", folder / "template.txt", "-d", scratch)
            (wheel,) = Path(scratch).glob("*.whl")
            must(binaries / "python", "-m", "pl_register.template", wheel, draft)
        draft.rename(data)
    return data


def test_data(folder: Path) -> dict[str, str]:
    """Environment variables for the data that the plugin's pyproject.toml asks for."""
    settings = tomllib.loads((folder / "pyproject.toml").read_text())
    wanted = settings["tool"].get("chris", {})
    found = {}
    if wanted.get("sample-data"):
        found["CHRIS_SAMPLE_T1"] = str(sample_data())
    if wanted.get("templates"):
        found["PL_REGISTER_TEMPLATES"] = str(templates(folder))
    return found


def test(folder: Path, *, regenerate: bool) -> bool:
    """Run one plugin's tests; true if they pass."""
    binaries = environment(folder)
    install(folder, binaries)
    print(f"{folder.name}: testing", flush=True)
    switch = {"CHRIS_REGENERATE": "1"} if regenerate else {}
    paths = {"PYTHONPATH": str(HERE)}
    config = folder / "pyproject.toml"
    command = (binaries / "pytest", "-q", "-p", "no:cacheprovider", "-c", config, folder)
    return run(*command, **FIXED, **paths, **test_data(folder), **switch) == 0


def main() -> None:
    """Test the named plugins, or all; exit non-zero if any of them fails."""
    known = plugins()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)} (default: all)")
    parser.add_argument(
        "--regenerate", action="store_true", help="write plugin.yaml from what the program prints"
    )
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(known)):
        parser.error(f"no plugin {', '.join(unknown)}; there are: {', '.join(known)}")
    failed = [name for name in options.names or known if not test(known[name], regenerate=options.regenerate)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
