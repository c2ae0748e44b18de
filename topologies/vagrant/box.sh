#!/bin/bash
# Makes a Vagrant box for libvirt out of Debian packages: box.sh FOLDER (root).
#
# For machines whose guests reach no package registry: all that provision.sh would install is in it already, so that it
# finds nothing to do. FOLDER gets weft.box for `vagrant box add`, and vmlinuz and initrd.img beside it: QEMU without KVM
# starts a kernel that it is given several times sooner than by a boot loader. Mounts live in a namespace of their own
# and end with this script.
#
# Environment:
#   BOX_NODE       the node to put in (24 or newer)
#   BOX_MODULES    a folder with package-lock.json and the node_modules it names, for /opt/weft (provision.sh)
#   BOX_CHECKOUT   put into /weft, and run once: Vagrant copies what is new since, and V8 finds what it made of the rest
#   BOX_SOURCES    where packages come from, as mmdebstrap takes it; left out, what this machine's apt uses
set -euo pipefail

folder=$(realpath "${1:?usage: box.sh FOLDER}")
: "${BOX_NODE:?}" "${BOX_MODULES:?}" "${BOX_CHECKOUT:?}"
if [ -z "${WEFT_BOX_INSIDE:-}" ]; then
  exec env WEFT_BOX_INSIDE=1 unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi

RELEASE=bookworm
SIZE_MIB=3072
# What the kernel needs to find its disk and the network; everything else comes from the disk.
EARLY_MODULES='virtio_pci virtio_blk virtio_net virtio_rng ext4'
PACKAGES=(
  linux-image-cloud-amd64 systemd-sysv udev dbus kmod procps initramfs-tools zstd openssh-server sudo ca-certificates rsync
  openvswitch-switch iproute2 ethtool iputils-ping tcpdump iperf3 nftables
)

sources=${BOX_SOURCES:-/etc/apt/sources.list.d/debian.sources}
[ -e "$sources" ] || [ -n "${BOX_SOURCES:-}" ] || sources=/etc/apt/sources.list
work=$folder/work
root=$work/root
rm -rf "$work"
mkdir -p "$work"

include=$(IFS=,; echo "${PACKAGES[*]}")
mmdebstrap --quiet --mode=root --variant=minbase --include="$include" \
  --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  "$RELEASE" "$root" "$sources"

inside() { chroot "$root" "$@"; }

# Vagrant's own user, whose key is public: it is replaced or kept among the machines of one host.
inside useradd --create-home --shell /bin/bash vagrant
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/vagrant"
chmod 440 "$root/etc/sudoers.d/vagrant"
install -d -m 700 "$root/home/vagrant/.ssh"
install -m 600 "$(dpkg -L vagrant | grep -m1 '/keys/vagrant\.pub$')" "$root/home/vagrant/.ssh/authorized_keys"
inside chown -R vagrant:vagrant /home/vagrant
printf '%s\n' 'UseDNS no' 'GSSAPIAuthentication no' 'KexAlgorithms curve25519-sha256,ecdh-sha2-nistp256' > "$root/etc/ssh/sshd_config.d/10-vagrant.conf"
inside ssh-keygen -A > /dev/null

echo weft-box > "$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 weft-box\n' > "$root/etc/hosts"
printf '/dev/vda1 / ext4 defaults,noatime 0 1\n' > "$root/etc/fstab"
printf '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n' > "$root/etc/systemd/network/10-eth0.network"
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"

printf 'MODULES=list\nCOMPRESS=zstd\nRESUME=none\nFSTYPE=ext4\n' > "$root/etc/initramfs-tools/conf.d/weft.conf"
tr ' ' '\n' <<< "$EARLY_MODULES" >> "$root/etc/initramfs-tools/modules"
printf 'blacklist %s\n' kvm_amd kvm_intel kvm > "$root/etc/modprobe.d/no-kvm.conf"

install -m 755 "$BOX_NODE" "$root/usr/local/bin/node"
install -d "$root/opt/weft"
cp -a "$BOX_MODULES/package-lock.json" "$BOX_MODULES/node_modules" "$root/opt/weft/"

rsync --archive --exclude=node_modules --exclude=.git --exclude=.vagrant --exclude=/test "$(realpath "$BOX_CHECKOUT")/" "$root/weft/"
ln -s /opt/weft/node_modules "$root/weft/node_modules"

mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
inside update-initramfs -u -k all > /dev/null
# Seconds of an emulated boot each; none of them is of use in a machine that lives for minutes.
inside systemctl --quiet mask systemd-logind e2scrub_reap.service e2scrub_all.timer apt-daily.timer \
  apt-daily-upgrade.timer fstrim.timer dpkg-db-backup.timer dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount sys-kernel-config.mount systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
  systemd-networkd-wait-online.service systemd-update-utmp.service systemd-pstore.service
inside systemctl --quiet enable systemd-networkd ssh
# A host says by provision.sh what it is.
inside systemctl --quiet disable openvswitch-switch

# Without a network, each for some seconds: what it compiles by then is most of what it ever will.
warm() {
  unshare --net chroot "$root" env NODE_COMPILE_CACHE=/var/cache/weft \
    timeout --signal=TERM 10 node "$@" < /dev/null > "$work/warm.log" 2>&1 || true
}
warm /weft/bin/weft.ts serve --store :memory: --no-auth --apply /weft/topologies/mixed.yaml
warm /weft/bin/weft.ts agent --tunnel-ip 192.0.2.1 --rundir /tmp/weft-agent
warm /weft/bin/weft.ts get hosts
warm /weft/topologies/lab/vagrant/far.ts
rm -rf "$root/tmp/weft-agent"
umount "$root/proc" "$root/dev"

cp "$root"/boot/vmlinuz-* "$folder/vmlinuz"
cp "$root"/boot/initrd.img-* "$folder/initrd.img"

# One partition from the first mebibyte on, written without mounting anything.
truncate -s "$((SIZE_MIB - 1))M" "$work/part.raw"
mkfs.ext4 -q -F -L root -E lazy_itable_init=1 -d "$root" "$work/part.raw"
truncate -s "${SIZE_MIB}M" "$work/disk.raw"
printf 'start=2048, type=83, bootable\n' | sfdisk --quiet "$work/disk.raw"
dd if="$work/part.raw" of="$work/disk.raw" bs=1M seek=1 conv=notrunc,sparse status=none
qemu-img convert -O qcow2 "$work/disk.raw" "$work/box.img"
printf '{ "provider": "libvirt", "format": "qcow2", "virtual_size": %d }\n' "$((SIZE_MIB / 1024))" > "$work/metadata.json"
printf 'Vagrant.configure("2") { |config| }\n' > "$work/Vagrantfile"
tar -C "$work" -cf "$folder/weft.box.part" metadata.json Vagrantfile box.img
mv "$folder/weft.box.part" "$folder/weft.box"
rm -rf "$work"
