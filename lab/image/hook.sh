#!/bin/sh
# Makes a bootstrapped Debian tree ($1) into the tree of the lab's golden image, with kernel and initrd copied to $2
# and files taken from $3. Runs as mmdebstrap's customize hook. What tells one machine from another is not here: it comes from the seed disk.
set -eu
root=$1
out=$2
files=$3

# Only what it takes to mount the disk: a small initrd is a fast boot without hardware acceleration.
printf '%s\n' virtio_pci virtio_blk ext4 crc32c_generic >"$root/etc/initramfs-tools/modules"
sed -i 's/^MODULES=.*/MODULES=list/; s/^COMPRESS=.*/COMPRESS=lz4/' "$root/etc/initramfs-tools/initramfs.conf"

mkdir -p "$root/etc/systemd/network"
cp "$files"/*.link "$root/etc/systemd/network/"
install -m 0644 "$files/lab-seed.service" "$root/etc/systemd/system/lab-seed.service"
install -m 0644 "$files/sshd.conf" "$root/etc/ssh/sshd_config.d/lab.conf"
rm -f "$root"/etc/ssh/ssh_host_*
install -d -m 0700 "$root/root/.ssh"
install -d -m 0755 "$root/var/cache/crossborder/artefacts"
install -m 0644 "$files"/artefacts/* "$root/var/cache/crossborder/artefacts/"

echo '/dev/vda / ext4 noatime 0 1' >"$root/etc/fstab"
echo lab >"$root/etc/hostname"
echo '127.0.0.1 localhost' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
# Every machine makes its own at its first boot.
: >"$root/etc/machine-id"

chroot "$root" systemctl enable lab-seed.service
# A host as a cloud hands it over has daemons installed and not started; the program under test starts them.
chroot "$root" systemctl disable frr.service strongswan.service nftables.service chrony.service iperf3.service \
  keepalived.service conntrackd.service postgresql.service 2>/dev/null || true
# Housekeeping that would steal time from three machines on one small host, and consoles that nobody logs in to.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer logrotate.timer systemd-timesyncd.service systemd-networkd-wait-online.service systemd-pstore.service \
  getty@tty1.service serial-getty@ttyS0.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount systemd-binfmt.service systemd-update-utmp.service \
  systemd-update-utmp-runlevel.service systemd-journal-flush.service modprobe@drm.service modprobe@fuse.service \
  modprobe@efi_pstore.service modprobe@configfs.service sys-fs-fuse-connections.mount sys-kernel-config.mount; do
  chroot "$root" systemctl mask "$unit" >/dev/null 2>&1 || true
done

# An emulated processor offers to virtualise; nothing here does.
printf 'blacklist %s\n' kvm kvm_amd kvm_intel powernow_k8 acpi_cpufreq >"$root/etc/modprobe.d/lab.conf"

chroot "$root" update-initramfs -u -k all
chroot "$root" dpkg-query -W -f '${Package} ${Version}\n' >"$out/packages.txt"
cp "$root"/boot/vmlinuz-* "$out/vmlinuz"
cp "$root"/boot/initrd.img-* "$out/initrd.img"

# The mirror's settings of the building machine stay there.
rm -rf "$root"/etc/apt/sources.list* "$root"/etc/apt/apt.conf.d/99mmdebstrap \
  "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
mkdir -p "$root/etc/apt/sources.list.d"
