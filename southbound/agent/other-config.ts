/**
 * What hardware_vtep has no column for: keys of `other_config`, all of them here. A device that knows
 * none of them does what it can; a controller finds them by this table. The README shows it.
 * Neighbours: rows.ts reads those of the controller, report.ts writes those of the agent.
 */

export interface ConfigKey {
  readonly table: 'Global' | 'Physical_Switch' | 'Physical_Port' | 'Logical_Switch'
  /** Where it ends with `*`: a family of keys. */
  readonly key: string
  readonly writer: 'controller' | 'agent' | 'operator'
  readonly meaning: string
}

export const keys = {
  nextCfg: 'weft-next-cfg',
  curCfg: 'weft-cur-cfg',
  ifaceId: 'iface-id',
  found: 'weft-found',
  mtu: 'weft-mtu',
  mtuSeen: 'weft-mtu-seen',
  narrowest: 'weft-narrowest',
  link: 'weft-link',
  fault: 'weft-fault',
  dropped: 'weft-dropped-',
  lastDrop: 'weft-last-drop-',
  unknownUnicast: 'weft-unknown-unicast',
  vlanTransparent: 'weft-vlan-transparent',
  backend: 'weft-backend',
  capabilities: 'weft-capabilities',
  missing: 'weft-missing',
  underlay: 'weft-underlay',
  pathMtu: 'weft-path-mtu-',
  repairs: 'weft-repairs',
  lastRepair: 'weft-last-repair',
  bridge: 'weft-bridge-',
  bridgeSeen: 'weft-seen-bridge-',
  offers: 'weft-offers',
  physicalNetwork: 'weft-physical-network',
  number: 'weft-number',
} as const

type Writer = ConfigKey['writer']
type Rows = Readonly<Record<string, readonly [Writer, meaning: string]>>

const tables: Readonly<Record<ConfigKey['table'], Rows>> = {
  Global: {
    [keys.nextCfg]: ['controller', 'a number that the controller counts up with its changes'],
    [keys.curCfg]: [
      'agent',
      'the last `weft-next-cfg` whose rows were realized, or are named as faults',
    ],
  },
  Physical_Switch: {
    [keys.backend]: ['agent', 'what realizes the rows: `iproute2`, or `switch`: our own'],
    [keys.capabilities]: ['agent', 'what this host can do, separated by spaces'],
    [keys.missing]: ['agent', 'what it cannot'],
    [keys.underlay]: [
      'agent',
      'the device with the address of `tunnel_ips`, and its MTU: `eth0 9050`',
    ],
    [`${keys.pathMtu}*`]: [
      'agent',
      'by VTEP in use: the longest IP packet that reaches it, up to what its networks need, bytes; 0: no answer',
    ],
    [keys.repairs]: [
      'agent',
      'how many things somebody changed behind our back and were put right, since the agent started',
    ],
    [keys.lastRepair]: ['agent', 'the last ones: time, thing, what it was'],
    [`${keys.bridge}*`]: [
      'controller',
      'a bridge to be made, by its name: `uplinks=eth1 mtu=9000 vids=7,100-199 physical-network=office`, each word only where there is such a thing',
    ],
    [`${keys.bridgeSeen}*`]: ['agent', 'of such a bridge: `ok`, or why it is not as asked'],
    [keys.offers]: [
      'operator',
      "physical networks that bridges of the host's own lead to: `office:br0,…`; such a bridge is joined and otherwise left as it is",
    ],
    [keys.fault]: ['agent', 'what is wrong with the host'],
  },
  Physical_Port: {
    [keys.ifaceId]: [
      'agent',
      'the uuid in the ifalias of the interface: the port of the model that it wants to be',
    ],
    [keys.found]: ['agent', '`true`: the agent made this row, and removes it with the interface'],
    [keys.mtuSeen]: [
      'agent',
      'MTU of the interface, bytes; of a bridge the least of it and its uplinks',
    ],
    [keys.narrowest]: ['agent', 'of a bridge: which of them has it'],
    [keys.link]: ['agent', '`up` or `down`'],
    [keys.physicalNetwork]: [
      'agent',
      'the physical network that the port leads to: of a bridge, whose bindings name its VLANs; on a device without Weft the operator may write it',
    ],
    [keys.fault]: ['agent', 'why its bindings are not realized as asked'],
    [`${keys.dropped}*`]: [
      'agent',
      'frames dropped: `in-SEQUENCE`, `out-SEQUENCE` by that ACL entry, `vlan` for their tag, `mtu_exceeded`; `vid-VID-` before it of that binding',
    ],
    [`${keys.lastDrop}*`]: [
      'agent',
      'one of them, at most every 5 s, by `in`, `out`, `vlan`, `mtu_exceeded` (`vid-VID-` as above): JSON of its time, bytes and header fields by their OpenFlow names',
    ],
  },
  Logical_Switch: {
    [keys.mtu]: ['controller', 'MTU of the network, bytes; without it what the underlay carries'],
    [keys.mtuSeen]: ['agent', 'MTU of its VXLAN device, bytes'],
    [keys.number]: [
      'controller',
      'of a network without tunnel_key: its number among those, 1 to 2097151',
    ],
    [keys.unknownUnicast]: [
      'controller',
      '`drop`: unicast to a MAC that no row names is not flooded to VTEPs',
    ],
    [keys.vlanTransparent]: [
      'controller',
      '`true`: frames with one VLAN tag pass, `qinq`: with two',
    ],
    [keys.fault]: ['agent', 'why it is not realized as asked'],
    [`${keys.dropped}*`]: [
      'agent',
      'frames dropped: `foreign-vtep`, from an address that no locator in use has; `vlan` for their tag',
    ],
  },
}

export const configKeys: readonly ConfigKey[] = Object.entries(tables).flatMap(([table, rows]) =>
  Object.entries(rows).map(([key, [writer, meaning]]) => {
    return { table: table as ConfigKey['table'], key, writer, meaning }
  }),
)
