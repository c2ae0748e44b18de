#!/bin/bash
# A machine for topologies/vagrant/provision.sh without a virtual one: enter.sh FOLDER CHECKOUT COMMAND… in namespaces of its own
# for mounts, processes and the network, on this machine's system. What is written goes to FOLDER/written; systemctl is the one
# beside this script; underlay and office are veths.
set -e
folder=$1 checkout=$2
shift 2
if [ -z "$WEFT_MACHINE_INSIDE" ]; then
  exec unshare --mount --pid --net --fork --kill-child --mount-proc --propagation private \
    env WEFT_MACHINE_INSIDE=1 "$0" "$folder" "$checkout" "$@"
fi
for place in etc usr/local opt var; do
  mkdir -p "$folder/written/$place" "$folder/work/$place"
  mount -t overlay -o "lowerdir=/$place,upperdir=$folder/written/$place,workdir=$folder/work/$place" none "/$place"
done
mount -t tmpfs none /run
install -d /opt/weft/node_modules "$folder/state" "$folder/bin"
rm -rf /etc/openvswitch /var/lib/openvswitch /var/lib/weft
install -d /etc/openvswitch /var/lib/openvswitch /var/log/openvswitch
cp "$checkout/package-lock.json" /opt/weft/
cp "$(dirname "$0")/systemctl" "$folder/bin/"
for device in eth1 eth2 eth3; do
  ip link add "$device" type veth peer name "$device-far"
  ip link set "$device-far" mtu 9200 up
done
export STATE=$folder/state PATH=$folder/bin:$PATH
"$@"
