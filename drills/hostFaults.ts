/** Shell commands that make and undo faults inside a host. */

/** What fills the disk. In the database's directory, because it may have a file system of its own. */
const ballast = "crossborder-drill-ballast";
const directories = ["/var/lib/postgresql", "/var/tmp"] as const;

function inDirectory(command: string): string {
  return `for dir in ${directories.join(" ")}; do [ -d $dir ] || continue; cd $dir; ${command}; break; done`;
}

/**
 * Takes all space that programs other than root's may use; what the file system reserves for root stays. In ever smaller pieces: not all
 * that is free can be one file's data, and others write meanwhile.
 */
export function fillDisk(): string {
  const free = "free=$(df --output=avail -B1 . | tail -n 1 | tr -d ' ')";
  const take = `fallocate -o $(stat -c %s ${ballast}) -l $piece ${ballast} 2>/dev/null || piece=$((piece / 2))`;
  const isRoom = "[ $free -ge 65536 ] && [ $piece -ge 65536 ]";
  const fill = `: >>${ballast}; ${free}; piece=$free; while ${isRoom}; do ${take}; ${free}; [ $piece -le $free ] || piece=$free; done`;
  return `set -eu; ${inDirectory(fill)}`;
}

export function freeDisk(): string {
  return `rm -f ${directories.map((directory) => `${directory}/${ballast}`).join(" ")}`;
}

/** Puts the clock off, and stops what would put it right. @param seconds Positive: ahead. */
export function skewClock(seconds: number): string {
  const [sign, amount] = seconds < 0 ? ["-", -seconds] : ["+", seconds];
  return `systemctl stop chrony.service && date -s '${sign}${amount} seconds' >/dev/null`;
}

/** Has chrony put the clock right, and waits until it is within 100 ms, at most 60 s. */
export function rightClock(): string {
  return "systemctl restart chrony.service && chronyc waitsync 60 0.1 0 1 >/dev/null";
}
