import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { dialOpenflow, listenOpenflow } from '../../../southbound/openflow/listen.ts'
import { flowMod, type Message } from '../../../southbound/openflow/message.ts'
import {
  currentRole,
  isStale,
  nextGeneration,
  requestRole,
} from '../../../southbound/openflow/roles.ts'
import { formatEndpoint, type InetEndpoint } from '../../../southbound/wire/endpoint.ts'
import { needs } from '../../needs.ts'
import { type TestCa, testCa } from '../wire/certificates.ts'
import { type OpenVswitch, startOpenVswitch } from './open-vswitch.ts'

const flow = (priority: number) =>
  encodeFlow({ table_id: 20, priority, cookie: 1n, match: { reg1: 1 }, instructions: [] })

test('generation ids compare by signed distance and wrap', () => {
  const last = 2n ** 64n - 1n
  expect(nextGeneration(last)).toBe(0n)
  expect([isStale(1n, 2n), isStale(2n, 2n), isStale(3n, 2n)]).toEqual([true, false, false])
  expect([isStale(0n, last), isStale(last, 0n)]).toEqual([false, true])
})

describe('several controllers of one real Open vSwitch', needs('ovs', 'openssl'), () => {
  let ovs: OpenVswitch
  let ca: TestCa
  beforeAll(async () => {
    ca = testCa()
    ovs = await startOpenVswitch()
  }, 30_000)
  afterAll(async () => {
    await ovs?.close()
    ca?.remove()
  }, 30_000)

  /** Lets the bridge dial so many controllers at once, and gives the connections. */
  async function dialledBy(count: number): Promise<[Connection[], () => Promise<void>]> {
    const accepted: Connection[] = []
    let all = () => {}
    const complete = new Promise<void>((resolve) => {
      all = resolve
    })
    const listeners = await Promise.all(
      Array.from({ length: count }, () =>
        listenOpenflow('ptcp:0:127.0.0.1', {}, (connection) => {
          if (accepted.push(connection) === count) all()
        }),
      ),
    )
    const targets = listeners.map(({ address }) => formatEndpoint(address).slice(1))
    const dialled = targets.map((target) => target.replace(/:(\d+):(.*)/, ':$2:$1'))
    await ovs.vsctl('set-controller', 'br0', ...dialled)
    await complete
    const close = async () => {
      await ovs.vsctl('del-controller', 'br0')
      for (const listener of listeners) await listener.close()
    }
    return [accepted, close]
  }

  test('a second master demotes the first, who may then only read; stale claims are refused', async () => {
    const [[first, second], close] = (await dialledBy(2)) as [
      [Connection, Connection],
      () => Promise<void>,
    ]
    const told: Message[] = []
    first.onMessage((message) => told.push(message))
    expect(await currentRole(first)).toEqual({ role: 'equal', generationId: undefined })
    expect(await requestRole(first, 'master', 5n)).toEqual({ role: 'master', generationId: 5n })
    expect(await requestRole(second, 'slave', 5n)).toMatchObject({ role: 'slave' })
    await first.send(flowMod('add', flow(1)))
    await first.barrier()
    expect(told).toEqual([])

    expect(await requestRole(second, 'master', 6n)).toEqual({ role: 'master', generationId: 6n })
    expect(await currentRole(first)).toEqual({ role: 'slave', generationId: 6n })
    await first.send({ ...flowMod('add', flow(2)), xid: 4711 })
    await first.barrier()
    expect(told).toContainEqual(expect.objectContaining({ type: 'error', xid: 4711 }))
    expect(await first.multipart({ kind: 'desc' })).toHaveLength(1)

    const stale = { reason: 'role_request_failed.stale' }
    await expect(requestRole(first, 'master', 5n)).rejects.toMatchObject(stale)
    await expect(requestRole(first, 'slave', 5n)).rejects.toMatchObject(stale)
    expect(await currentRole(second)).toMatchObject({ role: 'master' })
    expect(await requestRole(first, 'master', nextGeneration(6n))).toMatchObject({ role: 'master' })
    expect(await currentRole(second)).toEqual({ role: 'slave', generationId: 7n })
    expect(await requestRole(second, 'equal')).toMatchObject({ role: 'equal' })
    await second.send(flowMod('add', flow(3)))
    await second.barrier()
    expect(await ovs.ofctl('dump-flows', 'table=20')).toMatch(/priority=1,[\s\S]*priority=3,/)
    await close()
  })

  test('TLS: it dials us and we dial it, each with a certificate of one CA', async () => {
    const controller = ca.issue('controller')
    ca.issue('switch')
    const file = (name: string) => join(ca.dir, name)
    await ovs.vsctl('set-ssl', file('switch.key'), file('switch.pem'), file('ca.pem'))
    let accept: (connection: Connection) => void = () => {}
    const names: unknown[] = []
    const incoming = new Promise<Connection>((resolve) => {
      accept = resolve
    })
    const listener = await listenOpenflow(
      'pssl:0:127.0.0.1',
      { tls: controller },
      (connection, { certificate }) => {
        names.push(certificate?.subject.CN)
        accept(connection)
      },
    )
    const { port } = listener.address as InetEndpoint
    await ovs.vsctl('set-controller', 'br0', `ssl:127.0.0.1:${port}`)
    const dialled = await incoming
    expect(names).toEqual(['switch'])
    expect(await dialled.multipart({ kind: 'desc' })).toHaveLength(1)
    await listener.close()
    // The port is free now, and no longer ours.
    await ovs.vsctl('set-controller', 'br0', `pssl:${port}:127.0.0.1`)
    const dialling = await dialUntil(`ssl:127.0.0.1:${port}`, { tls: controller })
    expect(dialling).toBeInstanceOf(Connection)
    expect(await dialling.multipart({ kind: 'desc' })).toHaveLength(1)
    dialling.close()
    await ovs.vsctl('del-controller', 'br0')
  })

  /** Open vSwitch listens some time after ovs-vsctl has said so. */
  async function dialUntil(...how: Parameters<typeof dialOpenflow>): Promise<Connection> {
    for (;;) {
      try {
        return await dialOpenflow(...how)
      } catch (error) {
        if (!(error as Error).message.includes('ECONNREFUSED')) throw error
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
})
