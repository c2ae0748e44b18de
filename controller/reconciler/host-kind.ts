/**
 * Of which kind a host is that dials in: its databases say, and where both do (a machine with Open vSwitch and a
 * hardware_vtep database in one server) the model, since one session drives one of them. Neighbour: `session.ts`.
 */
import type { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { operations } from '../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { Host } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { addressIn } from './rows.ts'

type Kind = Host['kind']

/** What the databases of one server say. */
export interface Databases {
  /** Of these the Manager rows name us. */
  readonly kinds: readonly Kind[]
  /** What the machine calls itself in each. */
  readonly names: Readonly<Record<Kind, readonly string[]>>
}

/** Rejects when the peer has a database of neither kind. */
export async function readDatabases(
  client: OvsdbClient,
  ourTarget: string,
  signal: AbortSignal,
): Promise<Databases> {
  const names = { ovs: [] as readonly string[], vtep: [] as readonly string[] }
  const has = ({ name }: { readonly name: string }) => client.databases.includes(name)
  // No choice: what is in it, and to whom it dials, is not asked.
  if (!has(hardwareVtep)) return { kinds: ['ovs'], names }
  if (!has(openVSwitch)) return { kinds: ['vtep'], names }
  const isOurs = ({ target }: { readonly target?: string }) =>
    target !== undefined && addressIn(target) === addressIn(ourTarget)
  const [ovs, vtep] = [operations(openVSwitch), operations(hardwareVtep)]
  const [managers, roots] = await client.transact(
    openVSwitch,
    [ovs.select('Manager', [], ['target']), ovs.select('Open_vSwitch', [], ['external_ids'])],
    { signal },
  )
  const [vtepManagers, switches] = await client.transact(
    hardwareVtep,
    [vtep.select('Manager', [], ['target']), vtep.select('Physical_Switch', [], ['name'])],
    { signal },
  )
  const kinds: Kind[] = []
  if (vtep.rows('Manager', vtepManagers).some(isOurs)) kinds.push('vtep')
  if (ovs.rows('Manager', managers).some(isOurs)) kinds.push('ovs')
  const filled = (name: string | undefined) => (name === undefined ? [] : [name])
  return {
    kinds: kinds.length > 0 ? kinds : ['ovs'],
    names: {
      ovs: ovs
        .rows('Open_vSwitch', roots)
        .flatMap((row) => filled(row.external_ids?.['system-id'])),
      vtep: vtep.rows('Physical_Switch', switches).flatMap(({ name }) => filled(name)),
    },
  }
}

/** The kind as which the model names a machine; of two `vtep`. */
export function kindInModel({ kinds, names }: Databases, snapshot: Snapshot): Kind | undefined {
  return kinds.find((kind) => hostOf(names[kind], kind, snapshot) !== undefined)
}

/** The kind as which a machine is driven; where both are asked for and the model says nothing, `vtep`. */
export function kindOf(databases: Databases, snapshot: Snapshot): Kind {
  return kindInModel(databases, snapshot) ?? databases.kinds[0] ?? 'ovs'
}

/** The id of a host of this kind that calls itself so. */
export function hostOf(
  names: readonly string[],
  kind: Kind,
  snapshot: Snapshot,
): string | undefined {
  return names
    .flatMap((name) => [...snapshot.find('hostBySystemId', name)])
    .find((id) => snapshot.get('host', id)?.kind === kind)
}
