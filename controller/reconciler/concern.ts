/**
 * What an object has to reach to be real: which hosts, under which intent its items go there, which revision they have to
 * confirm; and why it may be nowhere at all. Neighbours: `host-answer.ts` asks each host, `status.ts`.
 */
import type { Compiler } from '../compiler/compiler.ts'
import type { Declared, Objects } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { apartFrom, portsApart } from './apart.ts'

export interface Concern {
  readonly hosts: ReadonlySet<string>
  /** The intent that its items name: 'port/acme/vm1'. */
  readonly intent: string
  /** The intent of its network, without which a port is nothing. */
  readonly network?: string
  /** The revision to confirm. */
  readonly revision: number
  /** Undefined of what has no place. */
  readonly isPlaced?: boolean
}

/** `place_held`: what is declared cannot be; `unplugged`: nobody has plugged it in. */
export interface Unplaced {
  readonly word: 'place_held' | 'unplugged'
  readonly reason: string
}

const nobody: ReadonlySet<string> = new Set()

export function concernOf(
  snapshot: Snapshot,
  compiler: Compiler,
  collection: Declared,
  object: Objects[Declared],
): Concern {
  const { id, revision } = object
  switch (collection) {
    case 'port': {
      const port = object as Objects['port']
      const key = `${port.tenant}/${port.id}`
      const binding = snapshot.get('binding', port.uuid)
      return {
        hosts: compiler.hostsOfNetwork(`${port.tenant}/${port.network}`),
        intent: `port/${key}`,
        network: `network/${port.tenant}/${port.network}`,
        revision: Math.max(revision, binding?.revision ?? 0),
        isPlaced: compiler.placement(key) !== undefined,
      }
    }
    case 'network':
    case 'subnet': {
      const { tenant, network = id } = object as { tenant: string; network?: string }
      const key = `${tenant}/${network}`
      return { hosts: compiler.hostsOfNetwork(key), intent: `network/${key}`, revision }
    }
    case 'host':
      return { hosts: new Set([id]), intent: `host/${id}`, revision }
    case 'bridge': {
      const { host } = object as Objects['bridge']
      return { hosts: new Set([host]), intent: `bridge/${id}`, revision }
    }
    default:
      return { hosts: nobody, intent: `tenant/${id}`, revision }
  }
}

/** Under which intents a host has items of it: what every host has is the host's own concern. */
export const intentsOfHost = (hostId: string, { intent }: Concern): readonly string[] =>
  intent === `host/${hostId}` ? [intent, 'site'] : [intent]

/** The network of an intent `network/acme/web`; undefined for intents of other things. */
export function networkOf(
  snapshot: Snapshot,
  { intent, network = intent }: Concern,
): Objects['network'] | undefined {
  const prefix = 'network/'
  return network.startsWith(prefix)
    ? snapshot.get('network', network.slice(prefix.length))
    : undefined
}

/** Why a port is nowhere; also what it will go without wherever it comes to be, said before anybody plugs it in. */
export function whyUnplaced(
  snapshot: Snapshot,
  compiler: Compiler,
  port: Objects['port'],
): Unplaced {
  const why = whyNowhere(snapshot, compiler, port)
  const ports = portsApart(snapshot, port, () => undefined)
  const without = apartFrom('same_trunk', ports)
  if (without === undefined) return why
  const hosts = [...snapshot.list('host').values()]
  const isLikely = hosts.length === 0 || hosts.some(({ kind }) => kind === 'ovs')
  if (!isLikely) return why
  const reason = `${why.reason}; on a host of kind ovs it will be Degraded: ${without}`
  return { ...why, reason }
}

function whyNowhere(snapshot: Snapshot, compiler: Compiler, port: Objects['port']): Unplaced {
  const key = port.parent === undefined ? '' : `${port.tenant}/${port.parent}`
  const trunk = snapshot.get('port', key)
  if (!trunk || compiler.placement(key)) return whatToDo(port)
  const { word, reason } = whatToDo(trunk)
  return { word, reason: `its trunk ${key} is not plugged in: ${reason}` }
}

/** What somebody who waits for this port has to do; of a sub-port its trunk is plugged in. */
function whatToDo(port: Objects['port']): Unplaced {
  const { hostId, ofport, uuid, interface: name, vid, tenant, parent } = port
  const held = (reason: string): Unplaced => ({ word: 'place_held', reason })
  if (parent !== undefined)
    return held(
      `VID ${vid} of its trunk ${tenant}/${parent} is held by another port, or the frames of that trunk are tagged already`,
    )
  if (hostId !== undefined && name !== undefined && vid !== undefined)
    return held(
      `interface_held: interface ${name} of ${hostId} carries a port of another tenant, who has all VIDs of it`,
    )
  const slot = ofport === undefined ? name && `interface ${name}` : `ofport ${ofport}`
  if (hostId !== undefined && slot !== undefined)
    return held(`${slot} of ${hostId}, where it is declared, is held by another port`)
  const reason = `no host has an interface on br-int with external_ids:iface-id=${uuid}, or one with this ifalias where it is of kind vtep`
  return { word: 'unplugged', reason }
}
