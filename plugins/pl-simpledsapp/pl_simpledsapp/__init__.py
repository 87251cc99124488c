"""pl-simpledsapp: copies its input under prefixed names; the workhorse of this project's tests."""
