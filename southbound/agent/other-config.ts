/**
 * What hardware_vtep has no column for: keys of `other_config`, all of them here. A device that knows
 * none of them does what it can; a controller finds them by this table. The README shows it.
 * Neighbours: rows.ts reads those of the controller, report.ts writes those of the agent.
 */

export interface ConfigKey {
  readonly table: 'Global' | 'Physical_Switch' | 'Physical_Port' | 'Logical_Switch'
  /** Where it ends with `*`: a family of keys. */
  readonly key: string
  readonly writer: 'controller' | 'agent'
  readonly meaning: string
}

export const keys = {
  nextCfg: 'weft-next-cfg',
  curCfg: 'weft-cur-cfg',
  ifaceId: 'iface-id',
  found: 'weft-found',
  mtu: 'weft-mtu',
  mtuSeen: 'weft-mtu-seen',
  link: 'weft-link',
  fault: 'weft-fault',
  dropped: 'weft-dropped-',
  unknownUnicast: 'weft-unknown-unicast',
  vlanTransparent: 'weft-vlan-transparent',
  backend: 'weft-backend',
  capabilities: 'weft-capabilities',
  missing: 'weft-missing',
  underlay: 'weft-underlay',
  repairs: 'weft-repairs',
  lastRepair: 'weft-last-repair',
} as const

export const configKeys: readonly ConfigKey[] = [
  ...(
    [
      [
        'Global',
        keys.nextCfg,
        'controller',
        'a number that the controller counts up with its changes',
      ],
      [
        'Global',
        keys.curCfg,
        'agent',
        'the last `weft-next-cfg` whose rows were realized, or are named as faults',
      ],
      ['Physical_Switch', keys.backend, 'agent', 'what realizes the rows: `iproute2`'],
      ['Physical_Switch', keys.capabilities, 'agent', 'what this host can do, separated by spaces'],
      ['Physical_Switch', keys.missing, 'agent', 'what it cannot'],
      [
        'Physical_Switch',
        keys.underlay,
        'agent',
        'the device with the address of `tunnel_ips`, and its MTU: `eth0 9050`',
      ],
      [
        'Physical_Switch',
        keys.repairs,
        'agent',
        'how many things somebody changed behind our back and were put right, since the agent started',
      ],
      ['Physical_Switch', keys.lastRepair, 'agent', 'the last ones: time, thing, what it was'],
      ['Physical_Switch', keys.fault, 'agent', 'what is wrong with the host'],
      [
        'Physical_Port',
        keys.ifaceId,
        'agent',
        'the uuid in the ifalias of the interface: the port of the model that it wants to be',
      ],
      [
        'Physical_Port',
        keys.found,
        'agent',
        '`true`: the agent made this row, and removes it with the interface',
      ],
      ['Physical_Port', keys.mtuSeen, 'agent', 'MTU of the interface, bytes'],
      ['Physical_Port', keys.link, 'agent', '`up` or `down`'],
      ['Physical_Port', keys.fault, 'agent', 'why its bindings are not realized as asked'],
      [
        'Physical_Port',
        `${keys.dropped}*`,
        'agent',
        'frames dropped: `in-SEQUENCE`, `out-SEQUENCE` by that ACL entry, `vlan` for their tag',
      ],
      [
        'Logical_Switch',
        keys.mtu,
        'controller',
        'MTU of the network, bytes; without it what the underlay carries',
      ],
      ['Logical_Switch', keys.mtuSeen, 'agent', 'MTU of its VXLAN device, bytes'],
      [
        'Logical_Switch',
        keys.unknownUnicast,
        'controller',
        '`drop`: unicast to a MAC that no row names is not flooded to VTEPs',
      ],
      ['Logical_Switch', keys.vlanTransparent, 'controller', '`true`: tagged frames pass'],
      ['Logical_Switch', keys.fault, 'agent', 'why it is not realized as asked'],
      [
        'Logical_Switch',
        `${keys.dropped}*`,
        'agent',
        'frames dropped: `foreign-vtep`, from an address that no locator in use has; `vlan` for their tag',
      ],
    ] as const
  ).map(([table, key, writer, meaning]): ConfigKey => ({ table, key, writer, meaning })),
]
