#!/bin/bash
# A libvirtd of its own, for a machine where none runs as a service: libvirtd.sh FOLDER (root).
#
# It lives in namespaces of its own for processes, mounts and the network: its bridges, its machines and what it writes below
# /etc/libvirt, /var/lib/libvirt and /run/libvirt are nowhere else, and all of it is gone when this script is ended, by whatever
# signal. In FOLDER: libvirt-sock to connect to (qemu+unix:///system?socket=FOLDER/libvirt-sock), `pid` of a process in the
# namespaces (nsenter --net=/proc/PID/ns/net), log. Without systemd, cgroups and security drivers, as containers have it.
set -euo pipefail

folder=$(realpath "${1:?usage: libvirtd.sh FOLDER}")
if [ -z "${WEFT_LIBVIRTD_INSIDE:-}" ]; then
  export WEFT_LIBVIRTD_INSIDE=1
  setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private "$0" "$folder" &
  inside=$!
  trap 'kill -KILL $inside 2> /dev/null || true' EXIT
  trap exit TERM INT HUP
  # The first process of the new namespaces, by its number out here.
  until first=$(pgrep --parent "$inside") || ! kill -0 "$inside"; do sleep 0.05; done
  echo "$first" > "$folder/pid"
  wait "$inside"
  exit
fi

rm -rf "$folder/private"
for place in etc/libvirt var/lib/libvirt var/cache/libvirt var/log/libvirt run/libvirt; do
  mkdir -p "$folder/private/$place" "/$place"
done
cp -a /etc/libvirt/. "$folder/private/etc/libvirt/"
rm -rf "$folder/private/etc/libvirt/qemu/networks"
for place in etc/libvirt var/lib/libvirt var/cache/libvirt var/log/libvirt run/libvirt; do
  mount --bind "$folder/private/$place" "/$place"
done

cat > "$folder/libvirtd.conf" << CONF
listen_tls = 0
listen_tcp = 0
unix_sock_dir = "$folder"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "2:file:$folder/libvirtd.log"
CONF
cat > /etc/libvirt/qemu.conf << 'CONF'
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
remember_owner = 0
stdio_handler = "file"
seccomp_sandbox = 0
CONF

ip link set lo up
# Frames between machines are frames: the firewall of this namespace is for what is routed.
for file in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e "$file" ] || echo 0 > "$file"; done
# Not exec: the first process of a namespace takes in what others leave, and libvirtd waits for none of that.
libvirtd --config "$folder/libvirtd.conf" --pid-file "$folder/libvirtd.pid" &
wait "$!"
