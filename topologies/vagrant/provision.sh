#!/bin/bash
# Makes a Debian machine part of a Weft site, as an operator would; run by the Vagrantfile, and by anybody again.
#
# It looks before it acts, says each thing that it changes and ends with how many there were: a second run says that nothing
# changed. What must hold at every boot (MTU, which controller) is a unit of systemd, so that a restarted machine is the
# same. The checkout is in /weft.
#
# Environment:
#   ROLE           controller, ovs (Open vSwitch) or vtep (Linux bridges of weft agent)
#   NAME           of the host in the document: external_ids:system-id, or the name of its Physical_Switch
#   CONTROLLER     address where hosts dial the controller
#   VTEP_ADDRESS   of a host, on an interface by the network configuration already
#   UNDERLAY_MTU   bytes of IP packet that the underlay and the physical network carry
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

NODE_VERSION=24.21.0
UNDERLAY=eth2
OFFICE=eth3
CHECKOUT=${CHECKOUT:-/weft}
UNITS=/etc/systemd/system
# What Weft's own services run.
CODE=("$CHECKOUT" /opt/weft/package-lock.json)

changes=0
changed() {
  changes=$((changes + 1))
  echo "weft: changed: $*"
}

# put MODE FILE: its content from standard input, unless it is that already.
put() {
  local text
  text=$(cat)
  if [ -f "$2" ] && [ "$(cat "$2")" = "$text" ] && [ "$(stat -c %a "$2")" = "$1" ]; then return; fi
  install -d "$(dirname "$2")"
  printf '%s\n' "$text" > "$2"
  chmod "$1" "$2"
  changed "$2"
}

install_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  apt-get update -q
  apt-get install -q -y --no-install-recommends "${missing[@]}"
  changed "packages ${missing[*]}"
}

# With Debian's own Node: another one does not find the modules that Debian's npm is made of.
npm() {
  install_packages npm
  /usr/bin/node /usr/bin/npm "$@"
}

# Debian 12 has Node 18: its npm brings a current one.
install_node() {
  local major
  major=$(node --version 2> /dev/null | sed 's/^v\([0-9]*\).*/\1/' || true)
  [ "${major:-0}" -lt 24 ] || return 0
  npm install --prefix /opt/node --no-audit --no-fund "node@$NODE_VERSION"
  ln -sf /opt/node/node_modules/node/bin/node /usr/local/bin/node
  hash -r
  changed "Node $NODE_VERSION"
}

# What package-lock.json names lives beside the checkout, which is copied here again and again.
install_modules() {
  if ! cmp -s "$CHECKOUT/package-lock.json" /opt/weft/package-lock.json; then
    install -d /opt/weft
    rm -f /opt/weft/package-lock.json
    cp "$CHECKOUT/package.json" /opt/weft/
    cp "$CHECKOUT/package-lock.json" /opt/weft/package-lock.json.new
    cp "$CHECKOUT/package-lock.json" /opt/weft/npm-shrinkwrap.json
    npm ci --prefix /opt/weft --omit=dev --ignore-scripts --no-audit --no-fund
    rm /opt/weft/npm-shrinkwrap.json
    mv /opt/weft/package-lock.json.new /opt/weft/package-lock.json
    changed 'packages of package-lock.json'
  fi
  if [ "$(readlink "$CHECKOUT/node_modules" || true)" != /opt/weft/node_modules ]; then
    ln -sfn /opt/weft/node_modules "$CHECKOUT/node_modules"
    changed "$CHECKOUT/node_modules"
  fi
}

# The command line of Weft, on every machine.
weft() {
  put 755 /usr/local/bin/weft << SCRIPT
#!/bin/sh
export NODE_COMPILE_CACHE=/var/cache/weft
exec /usr/local/bin/node $CHECKOUT/bin/weft.ts "\$@"
SCRIPT
}

# running UNIT PATH…: enabled and active; started again when a file there has been written since this started it last, by a run
# that failed half-way too. By the time of its inode: that of its content is the one that it had where rsync took it from.
running() {
  local name=$1 started=/var/lib/weft/started/$1
  shift
  if ! systemctl --quiet is-enabled "$name" 2> /dev/null; then
    systemctl --quiet enable "$name"
    changed "$name is enabled"
  fi
  if systemctl --quiet is-active "$name" && [ -e "$started" ] &&
    [ -z "$(find "$@" -name node_modules -prune -o -type f -cnewer "$started" -print -quit)" ]; then return; fi
  install -d "$(dirname "$started")"
  touch "$started.new"
  systemctl daemon-reload
  systemctl restart "$name"
  mv "$started.new" "$started"
  changed "$name is started"
}

# unit NAME, its text from standard input.
unit() {
  put 644 "$UNITS/$1"
}

network() {
  put 755 /usr/local/sbin/weft-network << SCRIPT
#!/bin/sh
# At every boot: jumbo frames on the underlay and on the physical network, which has no address here.
set -e
for device in $UNDERLAY $OFFICE; do
  ip link set dev \$device mtu $UNDERLAY_MTU
  ip link set dev \$device up
done
SCRIPT
  unit weft-network.service << 'UNIT'
[Unit]
Description=Interfaces of a Weft site
After=systemd-networkd.service networking.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/weft-network

[Install]
WantedBy=multi-user.target
UNIT
  running weft-network.service "$UNITS/weft-network.service" /usr/local/sbin/weft-network
}

# Who it is, and whom to dial; the rest comes over OVSDB and OpenFlow. Debian's ovs-ctl writes the id in this file into the
# database whenever it starts.
ovs() {
  install_packages openvswitch-switch
  put 644 /etc/openvswitch/system-id.conf <<< "$NAME"
  running openvswitch-switch.service /etc/openvswitch/system-id.conf
  put 755 /usr/local/sbin/weft-host << SCRIPT
#!/bin/sh
# At every boot: this host's name, and the controller to dial.
set -e
manager=tcp:$CONTROLLER:6640
ovs-vsctl set Open_vSwitch . external_ids:system-id=$NAME
ovs-vsctl set-manager \$manager -- set Manager \$manager max_backoff=1000
SCRIPT
  unit weft-host.service << 'UNIT'
[Unit]
Description=This machine is a host of a Weft site
After=weft-network.service openvswitch-switch.service
Requires=openvswitch-switch.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/weft-host

[Install]
WantedBy=multi-user.target
UNIT
  running weft-host.service "$UNITS/weft-host.service" /usr/local/sbin/weft-host
}

vtep() {
  unit weft-agent.service << UNIT
[Unit]
Description=Linux bridges of a Weft site (weft agent)
After=weft-network.service

[Service]
Environment=NODE_COMPILE_CACHE=/var/cache/weft
ExecStart=/usr/local/bin/node $CHECKOUT/bin/weft.ts agent --name $NAME --tunnel-ip $VTEP_ADDRESS --remote tcp:$CONTROLLER:6640
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT
  running weft-agent.service "$UNITS/weft-agent.service" "${CODE[@]}"
}

# REST on the machine itself alone; who is in there is the operator. The document is applied to an empty store.
controller() {
  if [ ! -e /var/lib/weft/site.yaml ]; then
    install -D -m 644 "$CHECKOUT/topologies/mixed.yaml" /var/lib/weft/site.yaml
    changed /var/lib/weft/site.yaml
  fi
  put 755 /usr/local/sbin/weft-controller << SCRIPT
#!/bin/sh
set -e
cd /var/lib/weft
[ -e site.db ] || set -- --apply site.yaml
exec /usr/local/bin/node $CHECKOUT/bin/weft.ts serve --store site.db --ovsdb $CONTROLLER:6640 --openflow $CONTROLLER:6653 --no-auth "\$@"
SCRIPT
  unit weft-controller.service << 'UNIT'
[Unit]
Description=Controller of a Weft site
After=network.target weft-network.service

[Service]
Environment=NODE_COMPILE_CACHE=/var/cache/weft
ExecStart=/usr/local/sbin/weft-controller
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT
  running weft-controller.service "$UNITS/weft-controller.service" /usr/local/sbin/weft-controller "${CODE[@]}"
}

install_packages iproute2 ethtool iputils-ping tcpdump iperf3 nftables
install_node
install_modules
weft
network
"$ROLE"

if [ "$changes" -eq 0 ]; then echo 'weft: nothing changed'; else echo "weft: $changes changes"; fi
