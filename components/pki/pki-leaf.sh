#!/bin/sh
# Joins a certificate chain and its private key in the one file that TLS servers and clients read.
#   check    KEY CERTIFICATE AUTHORITIES  refuses files that do not belong together; changes nothing
#   assemble KEY CERTIFICATE LEAF GROUP   brings LEAF up to date, with one rename
#   verify   KEY CERTIFICATE LEAF GROUP   fails unless LEAF is up to date, and still valid
# CROSSBORDER_ROOT puts another directory in the place of /, for tests; the staged files of `check` have their full paths.
set -eu
umask 077
root="${CROSSBORDER_ROOT:-}"

fail() {
  echo "$1" >&2
  exit 1
}

belong_together() {
  of_key=$(openssl pkey -in "$1" -pubout) || fail "the private key $1 cannot be read"
  of_certificate=$(openssl x509 -in "$2" -noout -pubkey) || fail "the certificate $2 cannot be read"
  [ "$of_key" = "$of_certificate" ] || fail "the private key $1 is not the one of the certificate"
}

# Mode and group, as stat prints them, of a leaf that this group may read. For root's the caller's own group stands.
access() {
  if [ "$1" = root ]; then echo "600 $(id -gn)"; else echo "640 $1"; fi
}

is_current() {
  [ -f "$3" ] && cat "$2" "$1" | cmp -s - "$3" && [ "$(stat -c '%a %G' "$3")" = "$(access "$4")" ]
}

[ $# -ge 4 ] || fail "usage: pki-leaf check|assemble|verify KEY CERTIFICATE AUTHORITIES|LEAF [GROUP]"
key="$root$2"
case "$1" in
check)
  belong_together "$key" "$3"
  openssl verify -x509_strict -CAfile "$4" "$3" >/dev/null || fail "the certificate does not verify against the authorities"
  ;;
assemble)
  belong_together "$key" "$root$3"
  leaf="$root$4"
  getent group "$5" >/dev/null || groupadd --system "$5"
  is_current "$key" "$root$3" "$leaf" "$5" && exit 0
  # One that was left behind would keep its mode.
  rm -f "$leaf.new"
  cat "$root$3" "$key" >"$leaf.new"
  [ "$5" = root ] || { chgrp "$5" "$leaf.new" && chmod 0640 "$leaf.new"; }
  sync "$leaf.new"
  mv -f "$leaf.new" "$leaf"
  sync "$(dirname "$leaf")"
  ;;
verify)
  is_current "$key" "$root$3" "$root$4" "$5" || fail "$4 is not the certificate and its key, for group $5"
  openssl x509 -in "$root$3" -noout -checkend 0 >/dev/null || fail "the certificate has expired"
  ;;
*) fail "usage: pki-leaf check|assemble|verify …" ;;
esac
