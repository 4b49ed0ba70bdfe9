# Makes or removes a private key that never leaves this host. Arguments: make PATH NAME, or remove PATH.
# `make` prints a certificate request for the key, a key that is there already included. CROSSBORDER_ROOT puts another
# directory in the place of /, for tests.
set -eu
key="${CROSSBORDER_ROOT:-}$2"
directory=$(dirname "$key")
case "$1" in
make)
  command -v openssl >/dev/null || {
    echo "openssl is missing on this host: install the package openssl" >&2
    exit 1
  }
  # Those who may read the certificate's other files have to get there.
  (umask 022 && mkdir -p "$directory")
  if ! [ -s "$key" ]; then
    umask 077
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key.new"
    sync "$key.new"
    mv -f "$key.new" "$key"
    sync "$directory"
  fi
  openssl req -new -sha256 -key "$key" -subj "/CN=$3"
  ;;
remove)
  rm -f "$key" "$key.new"
  # What is empty now was made for it, or goes with the last that needed it.
  for empty in "$directory" "$(dirname "$directory")" "$(dirname "$(dirname "$directory")")"; do
    rmdir "$empty" 2>/dev/null || break
  done
  ;;
*)
  echo "usage: host-key make PATH NAME | remove PATH" >&2
  exit 2
  ;;
esac
