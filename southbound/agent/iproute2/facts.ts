/**
 * The state of the kernel as facts: key -> value. What should be and what is have the same form, so
 * that one comparison serves all of it, and one table says how each kind of fact is made and unmade.
 *
 *   device vx5001                            type vxlan id 5001 local 192.0.2.11 …
 *   link vx5001 mtu                          8950
 *   master vm1                               weft-5001
 *   port vx5001 learning                     off
 *   fdb vx5001 02:00:00:00:00:02 self        192.0.2.12 static
 *   neigh weft-5001 10.0.0.2                 02:00:00:00:00:02
 *   chain bridge in.vm1                      rules, one a line
 *   found eth1                               1500 up eth1: how an uplink was before it was one
 *   overfull vm1                             MACs that it taught its bridge: too many, to be forgotten
 *   uplink eth1 mtu                          9000
 *
 * Neighbours: plan.ts and filter.ts write what should be, read.ts what is, diff.ts compares.
 */
import { digest, foundName, groupOf, isOwnName, LINK_GROUP, TABLE } from './names.ts'

export type Facts = ReadonlyMap<string, string>

export type Tool = 'ip' | 'bridge' | 'nft'

/** A line of a batch; lines are run by phase, so that nothing is let in before it is fenced in. */
export type Line = readonly [phase: number, tool: Tool, text: string]

export interface FactKind {
  /** Kind of the fact without which this one cannot be: the same first argument. */
  readonly container?: 'device' | 'table'
  /** @param was undefined: there is none yet */
  set(args: readonly string[], value: string, was: string | undefined): Line[]
  unset(args: readonly string[], was: string): Line[]
}

/** nft runs as one transaction, between what lets go and what lets in. */
const NFT = { table: 20, add: 21, fill: 22, link: 23, remove: 24, forget: 25 } as const

/** The rest of an `add set` or `add map`; its key and value types. */
const sets: Readonly<Record<string, readonly ['set' | 'map', string]>> = {
  'ports-in': ['map', 'type ifname : verdict;'],
  'ports-out': ['map', 'type ifname : verdict;'],
  inside: ['set', 'type ifname;'],
  vnis: ['map', 'typeof @th,96,24 : verdict;'],
}

/** A veth in the words of `ip link add`. @param peer name of the other end, which is ours as well */
export const patchDevice = (peer: string): string =>
  `type veth peer name ${peer} group ${LINK_GROUP}`

/** Names that others have chosen may be words of ip's: `up`, `dev`. */
const named = (name = ''): string => (isOwnName(name) ? name : `dev ${name}`)

/** How a rule is known again: its digest is its comment. */
export const ruleMark = (rule: string): string => digest(rule)

export const factKinds: Readonly<Record<string, FactKind>> = {
  device: {
    set: ([name], value, was) => [
      ...(was === undefined ? [] : [[30, 'ip', `link del ${named(name)}`] as const]),
      [30, 'ip', `link add name ${name} group ${groupOf(name ?? '')} ${value}`],
    ],
    unset: ([name]) => [[16, 'ip', `link del ${named(name)}`]],
  },
  link: {
    container: 'device',
    set: ([name, setting], value) => [
      setting === 'state'
        ? [42, 'ip', `link set ${named(name)} ${value}`]
        : [32, 'ip', `link set ${named(name)} ${setting} ${value}`],
    ],
    unset: () => [],
  },
  bridge: {
    container: 'device',
    set: ([name, setting], value, was) =>
      // A new bridge does not filter VLANs, and a kernel that cannot refuses to be told so.
      setting === 'vlan_filtering' && was === undefined
        ? []
        : [[32, 'ip', `link set ${named(name)} type bridge ${setting} ${value}`]],
    unset: () => [],
  },
  // VXLAN and VLAN devices of ours.
  slave: {
    container: 'device',
    set: ([name], value) => [[34, 'ip', `link set ${name} master ${value}`]],
    unset: ([name]) => [[10, 'ip', `link set ${name} nomaster`]],
  },
  // Interfaces of others, which may be called `up` or `dev`; ip ends its batch where it cannot tell.
  master: {
    set: ([name], value) => [[44, 'ip', `link set dev ${name} master ${value}`]],
    unset: ([name]) => [[10, 'ip', `link set dev ${name} nomaster`]],
  },
  // Before anything of an uplink is changed; undone when it is let go of.
  found: {
    set: ([name = ''], value) => [
      [30, 'ip', `link property add dev ${name} altname ${foundName(value)}`],
    ],
    unset: ([name = ''], was) => {
      const [mtu, state] = was.split(' ')
      return [
        [18, 'ip', `link set dev ${name} mtu ${mtu}`],
        [18, 'ip', `link set dev ${name} ${state}`],
        [18, 'ip', `link property del dev ${name} altname ${foundName(was)}`],
      ]
    },
  },
  overfull: {
    set: () => [],
    unset: ([name]) => [[8, 'ip', `link set ${named(name)} type bridge_slave fdb_flush`]],
  },
  uplink: {
    set: ([name, setting], value) => [
      setting === 'state'
        ? [42, 'ip', `link set dev ${name} ${value}`]
        : [32, 'ip', `link set dev ${name} ${setting} ${value}`],
    ],
    unset: () => [],
  },
  port: {
    container: 'device',
    set: ([name, setting], value) => [
      [36, 'ip', `link set ${name} type bridge_slave ${setting} ${value}`],
    ],
    unset: () => [],
  },
  fdb: {
    // `self`: one VTEP, replaced in place. `self VTEP`: one of several. `master`: of the bridge.
    set: ([dev, mac, where, vtep], value, was) => {
      const [first = '', state = ''] = value.split(' ')
      if (where === 'master') {
        return [[38, 'bridge', `fdb replace ${mac} dev ${dev} master ${value}`]]
      }
      if (vtep === undefined) {
        return [[38, 'bridge', `fdb replace ${mac} dev ${dev} dst ${first} self ${state}`]]
      }
      const old = was === undefined ? [] : [fdbDelete(38, [dev, mac, where, vtep])]
      return [...old, [38, 'bridge', `fdb append ${mac} dev ${dev} dst ${vtep} self ${value}`]]
    },
    unset: (args, was) => [fdbDelete(14, args, was)],
  },
  neigh: {
    container: 'device',
    // Last: `ip neigh` ends its batch when it fails.
    set: ([dev, address], value) => [
      [46, 'ip', `neigh replace ${address} lladdr ${value} dev ${dev} nud permanent`],
    ],
    unset: ([dev, address]) => [[12, 'ip', `neigh del ${address} dev ${dev}`]],
  },
  table: {
    set: ([family]) => [[NFT.table, 'nft', `add table ${family} ${TABLE}`]],
    unset: ([family]) => [[NFT.table, 'nft', `delete table ${family} ${TABLE}`]],
  },
  counter: {
    container: 'table',
    set: ([family, name]) => [[NFT.add, 'nft', `add counter ${family} ${TABLE} ${name}`]],
    unset: ([family, name]) => [[NFT.forget, 'nft', `delete counter ${family} ${TABLE} ${name}`]],
  },
  // The first line is the hook, or empty.
  chain: {
    container: 'table',
    set: ([family, name], value, was) => {
      const at = `${family} ${TABLE} ${name}`
      const [hook = '', ...rules] = value.split('\n')
      const isRemade = was !== undefined && was.split('\n')[0] !== hook
      return [
        ...(isRemade
          ? ([
              [NFT.table, 'nft', `flush chain ${at}`],
              [NFT.table, 'nft', `delete chain ${at}`],
            ] as const)
          : []),
        [NFT.add, 'nft', `add chain ${at}${hook === '' ? '' : ` { ${hook} }`}`],
        [NFT.fill, 'nft', `flush chain ${at}`],
        ...rules.map(
          (rule): Line => [NFT.fill, 'nft', `add rule ${at} ${rule} comment "${ruleMark(rule)}"`],
        ),
      ]
    },
    unset: ([family, name]) => [
      [NFT.fill, 'nft', `flush chain ${family} ${TABLE} ${name}`],
      [NFT.remove, 'nft', `delete chain ${family} ${TABLE} ${name}`],
    ],
  },
  // Elements, one a line.
  set: {
    container: 'table',
    set: ([family, name], value) => {
      const [kind, type] = sets[name ?? ''] ?? ['set', '']
      const at = `${family} ${TABLE} ${name}`
      return [
        [NFT.add, 'nft', `add ${kind} ${at} { ${type} }`],
        [NFT.link, 'nft', `flush ${kind} ${at}`],
        ...(value === ''
          ? []
          : ([
              [NFT.link, 'nft', `add element ${at} { ${value.replaceAll('\n', ', ')} }`],
            ] as const)),
      ]
    },
    unset: ([family, name]) => [
      [NFT.remove, 'nft', `delete ${sets[name ?? '']?.[0] ?? 'set'} ${family} ${TABLE} ${name}`],
    ],
  },
}

function fdbDelete(phase: number, args: readonly (string | undefined)[], was?: string): Line {
  const [dev, mac, where, ...rest] = args
  if (where === 'master') return [phase, 'bridge', `fdb del ${mac} dev ${dev} master`]
  // `self` alone has the VTEP in its value; more of the key is what nobody of us sets, as it was read.
  const [vtep = was?.split(' ')[0], ...more] = rest
  return [phase, 'bridge', ['fdb del', mac, 'dev', dev, 'dst', vtep, ...more, 'self'].join(' ')]
}
