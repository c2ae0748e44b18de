/**
 * The interfaces of `bulk`: patch ports without a peer, to which the switch gives a number and nothing else. They are made
 * before anything is measured, in the host's own database, since ovs-vsctl takes a minute for thousands.
 */
import { connect } from 'node:net'
import { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { INTEGRATION_BRIDGE } from '../../../topologies/lab/netns/ovs-host.ts'
import type { ShapePort } from './shape.ts'

const TIMEOUT_MS = 240_000
const PER_TRANSACTION = 500

/** Resolves when all of them have their numbers. @param database socket of the host's database */
export async function plug(
  database: string,
  ports: readonly ShapePort[],
  ifaceId?: (port: ShapePort) => string,
): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const client = await OvsdbClient.open(connect(database), { signal })
  try {
    const { insert, mutate } = operations(openVSwitch)
    const watched = { Bridge: ['name'], Interface: ['ofport'] } as const
    const replica = await client.monitor(openVSwitch, watched, { signal })
    const bridge = [...replica.table('Bridge').values()].find(
      ({ name }) => name === INTEGRATION_BRIDGE,
    )
    for (let at = 0; at < ports.length; at += PER_TRANSACTION) {
      const some = ports.slice(at, at + PER_TRANSACTION)
      const rows = some.flatMap((port) => {
        const { id: name, ofport } = port
        const iface = {
          ...{ name, type: 'patch', options: { peer: 'nobody' }, ofport_request: ofport },
          ...(ifaceId && { external_ids: { 'iface-id': ifaceId(port) } }),
        }
        return [
          insert('Interface', iface, `i_${name}`),
          insert('Port', { name, interfaces: [`i_${name}`] }, `p_${name}`),
        ]
      })
      const names = some.map(({ id }) => `p_${id}`)
      const joined = mutate('Bridge', bridge?._uuid ?? '', 'ports', 'insert', names)
      await client.transact(openVSwitch, [...rows, joined], { signal })
      const isNumbered = () =>
        [...replica.table('Interface').values()].every(({ ofport }) => ofport !== undefined)
      await replica.until(isNumbered, { signal })
    }
  } finally {
    client.close()
  }
}

/** Lets interfaces that are there name their ports, as whoever starts a VM does. */
export async function name(
  database: string,
  ports: readonly ShapePort[],
  ifaceId: (port: ShapePort) => string,
): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const client = await OvsdbClient.open(connect(database), { signal })
  try {
    const { update } = operations(openVSwitch)
    for (let at = 0; at < ports.length; at += PER_TRANSACTION) {
      const rows = ports.slice(at, at + PER_TRANSACTION).map((port) =>
        update('Interface', [['name', '==', port.id]], {
          external_ids: { 'iface-id': ifaceId(port) },
        }),
      )
      await client.transact(openVSwitch, rows, { signal })
    }
  } finally {
    client.close()
  }
}

/** Takes them away again. */
export async function unplugAll(database: string): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const client = await OvsdbClient.open(connect(database), { signal })
  try {
    const { mutate } = operations(openVSwitch)
    const watched = { Bridge: ['name'], Port: ['name'] } as const
    const replica = await client.monitor(openVSwitch, watched, { signal })
    const ours = [...replica.table('Port').values()].filter(({ name }) => /^p\d+$/.test(name))
    const gone = ours.map(({ _uuid }) => _uuid)
    for (const { _uuid, name } of replica.table('Bridge').values())
      if (name === INTEGRATION_BRIDGE)
        await client.transact(openVSwitch, [mutate('Bridge', _uuid, 'ports', 'delete', gone)], {
          signal,
        })
  } finally {
    client.close()
  }
}
