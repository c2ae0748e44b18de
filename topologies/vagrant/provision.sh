#!/bin/bash
# Makes a Debian machine a host of a Weft site, as an operator would; run by the Vagrantfile, once.
#
# All a host has to know is who it is (system-id), where the controller is (set-manager) and its VTEP address,
# which the network configuration already gave to an interface. The rest comes over OVSDB and OpenFlow. The small
# unit weft-host.service repeats it at every boot, so that a host with an empty database finds its way back.
#
# Environment: SYSTEM_ID, MANAGER (tcp:ADDRESS:PORT), VTEP_ADDRESS (empty: no VTEP), UNDERLAY_MTU (bytes).
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
NODE_VERSION=24.21.0

install_packages() {
  apt-get update -q
  apt-get install -q -y --no-install-recommends \
    openvswitch-switch iproute2 ethtool iputils-ping tcpdump iperf3 nftables
}

# Debian's ovs-ctl writes the id in this file into the database whenever it starts.
set_system_id() {
  echo "$SYSTEM_ID" > /etc/openvswitch/system-id.conf
}

install_boot_script() {
  install -d /etc/weft
  printf '%s=%q\n' SYSTEM_ID "$SYSTEM_ID" MANAGER "$MANAGER" \
    VTEP_ADDRESS "$VTEP_ADDRESS" UNDERLAY_MTU "$UNDERLAY_MTU" > /etc/weft/host.conf

  cat > /usr/local/sbin/weft-host << 'SCRIPT'
#!/bin/bash
# At every boot: jumbo frames on the underlay, this host's name, and the controller to dial.
set -euo pipefail
. /etc/weft/host.conf

if [ -n "$VTEP_ADDRESS" ]; then
  device=$(ip -o -4 address show to "$VTEP_ADDRESS" | awk '{ print $2; exit }')
  ip link set dev "${device:?no interface has the VTEP address $VTEP_ADDRESS}" mtu "$UNDERLAY_MTU"
fi
ovs-vsctl set Open_vSwitch . external_ids:system-id="$SYSTEM_ID"
ovs-vsctl set-manager "$MANAGER" -- set Manager "$MANAGER" max_backoff=1000
SCRIPT
  chmod 755 /usr/local/sbin/weft-host

  cat > /etc/systemd/system/weft-host.service << 'UNIT'
[Unit]
Description=This machine is a host of a Weft site
Wants=network-online.target
After=network-online.target openvswitch-switch.service
Requires=openvswitch-switch.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/weft-host

[Install]
WantedBy=multi-user.target
UNIT
  systemctl daemon-reload
  systemctl enable --now weft-host.service
}

# The controller runs from the checkout in /weft. Debian 12 has Node 18: its npm brings a current one.
install_node() {
  [ -d /weft ] || return 0
  apt-get install -q -y --no-install-recommends npm
  npm install --prefix /opt/node --no-audit --no-fund "node@$NODE_VERSION"
  ln -sf /opt/node/node_modules/node/bin/node /usr/local/bin/node
}

install_packages
set_system_id
install_boot_script
install_node
