# Sourced by the stubs. STUB_STATE holds what the pretended host remembers: enabled/, active/ and failed/ with a file for
# each such unit, sysctl/ with a file for each setting, journal/ with what units said, packages, and a log of every call.
# An executable `hook` there is asked before each call; it may kill the installer ($PPID of the stub), and its failure is
# the call's.
tool=${0##*/}
echo "$tool $*" >>"$STUB_STATE/log"
if [ -x "$STUB_STATE/hook" ]; then
  INSTALLER_PID=$PPID "$STUB_STATE/hook" "$tool" "$@" || exit 1
fi
