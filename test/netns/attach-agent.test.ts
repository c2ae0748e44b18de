/**
 * What `weft attach` prints for a host of kind vtep is run as it is printed, on hosts with `weft agent` that dial a
 * controller in this process: the ifalias makes an interface the port.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attachmentOf } from '../../bin/attach/attachment.ts'
import type { FormatName } from '../../bin/attach/formats.ts'
import { printAttachment } from '../../bin/attach/print.ts'
import { Controller } from '../../controller/controller.ts'
import type { Status } from '../../controller/northbound/realization.ts'
import { Store } from '../../controller/store/store.ts'
import { namespacesNamed } from '../../topologies/lab/netns/namespace.ts'
import { run } from '../../topologies/lab/netns/run.ts'
import { put } from '../controller/model/site.ts'
import { needs } from '../needs.ts'
import { type AgentSite, openAgentSite, UNDERLAY_MTU, until } from './agent-site.ts'

/** Names of namespaces are the machine's. */
const id = randomBytes(3).toString('hex')
const [a, b, c] = ['a', 'b', 'c'].map((name) => `${name}-${id}`) as [string, string, string]
const needed = needs('root', 'netns', 'iproute2', 'nft', 'vtep', 'ping', 'tun')

describe('what weft attach prints, run on hosts with weft agent', needed, () => {
  let site: AgentSite
  let controller: Controller
  let server: Server
  const store = Store.open(':memory:')
  const folder = mkdtempSync(join(tmpdir(), 'weft-attach-'))

  beforeAll(async () => {
    const host = { kind: 'vtep', underlayMtuBytes: UNDERLAY_MTU } as const
    store.commit(
      [
        put('host', 'h1', { ...host, vtepAddress: '192.0.2.11' }),
        put('host', 'h2', { ...host, vtepAddress: '192.0.2.12' }),
        put('tenant', 'acme', {}),
        put('network', 'acme/web', { vni: 5001, mtuBytes: 9000 }),
        put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.0/24' }),
        ...[a, b, c].map((name) => put('port', `acme/${name}`, { network: 'web' })),
      ],
      { who: 'test' },
    )
    controller = await Controller.start({ store, rest: { host: '127.0.0.1', port: 0 } })
    // A unix socket is seen from every namespace.
    let peers = 0
    server = createServer((socket) => {
      const peer = `198.51.100.1:${50_000 + peers++}`
      controller.acceptOvsdb(socket, { peer, localAddress: '198.51.100.9' })
    })
    const path = join(folder, 'ovsdb.sock')
    await new Promise<void>((resolve) => server.listen(path, resolve))
    site = await openAgentSite()
    const { h1, h2 } = site.hosts
    await Promise.all([h1, h2].map((each) => each.start('--remote', `unix:${path}`)))
  })
  afterAll(async () => {
    for (const name of namespacesNamed('acme.').filter((each) => each.endsWith(id)))
      await run(['ip', 'netns', 'del', name])
    await site?.close()
    await controller?.close()
    server?.close()
    store.close()
    rmSync(folder, { recursive: true })
  })

  function print(format: FormatName, port: string): string {
    const all = <T>(collection: 'port' | 'network' | 'subnet' | 'host') =>
      [...store.snapshot.list(collection).values()] as T[]
    const facts = {
      ...{ ports: all<never>('port'), networks: all<never>('network') },
      ...{ subnets: all<never>('subnet'), hosts: all<never>('host') },
    }
    return printAttachment(format, attachmentOf(`acme/${port}`, facts))
  }

  const shell = (hostId: 'h1' | 'h2', input: string) =>
    run(['nsenter', `--net=/run/netns/${site.hosts[hostId].namespace}`, 'sh', '-e'], { input })

  async function boundAt(port: string): Promise<Status['binding']> {
    let binding: Status['binding']
    await until(`${port} bound`, async () => {
      const response = await fetch(`${controller.url}/v1/tenants/acme/ports/${port}`)
      const { status } = (await response.json()) as { status: Status }
      binding = status.binding
      return status.realized
    })
    return binding
  }

  const deviceOf = (port: string) =>
    `wf${store.snapshot.get('port', `acme/${port}`)?.uuid.slice(0, 8)}`

  test('namespaces on two hosts are ports of one network, up to its MTU', async () => {
    for (const [port, hostId] of [
      [a, 'h1'],
      [b, 'h2'],
    ] as const) {
      await shell(hostId, print('netns', port))
      expect(await boundAt(port)).toEqual({ hostId, interface: deviceOf(port), vid: 0 })
    }
    const address = store.snapshot.get('port', `acme/${b}`)?.addresses[0] ?? ''
    const ping = ['ping', '-c', '1', '-W', '1', '-M', 'do', '-s', '8972', address]
    await until('the other host answers', () =>
      run(['ip', 'netns', 'exec', `acme.${a}`, ...ping]).then(
        () => true,
        () => false,
      ),
    )
  })

  test('the tap that libvirt is to take is the port before any guest runs', async () => {
    const text = print('libvirt', c)
    const lines = [...text.matchAll(/^ {4}(ip .*)$/gm)].map(([, line]) => line)
    expect(lines).toHaveLength(3)
    await shell('h1', lines.join('\n'))
    expect(await boundAt(c)).toEqual({ hostId: 'h1', interface: deviceOf(c), vid: 0 })
    expect(text).toContain(`<target dev='${deviceOf(c)}' managed='no'/>`)
  })
})
