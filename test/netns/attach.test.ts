/**
 * What `weft attach` prints is run as it is printed, on a host of a real site: the controller binds the port, and the
 * workload reaches others with packets of the whole MTU. No Docker and no Xen here: their own part is played by a process
 * with a namespace of its own and by the row that xl's script makes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Status } from '../../controller/northbound/realization.ts'
import type { NetnsLab } from '../../topologies/lab/netns/lab.ts'
import { namespacesNamed } from '../../topologies/lab/netns/namespace.ts'
import { launch, run } from '../../topologies/lab/netns/run.ts'
import { fetchChecked } from '../controller/northbound/schemas.ts'
import { eventually, get, needed, openTwoTenants } from './site-under-test.ts'

const WEFT = fileURLToPath(new URL('../../bin/weft.ts', import.meta.url))
const WITHIN_MS = 10_000
/** Names of namespaces are the machine's. */
const id = randomBytes(3).toString('hex')

interface PortAnswer {
  readonly uuid: string
  readonly mac: string
  readonly addresses: readonly string[]
  readonly status: Status
}

describe('what weft attach prints, run on a host', needed, () => {
  let lab: NetnsLab
  let runDirectory: string
  const children: ChildProcess[] = []

  beforeAll(async () => {
    lab = await openTwoTenants()
    runDirectory = (await lab.host('h1').exec(['printenv', 'OVS_RUNDIR'])).stdout.trim()
  })
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL')
    await lab?.close()
    for (const name of namespacesNamed('acme.').filter((each) => each.endsWith(id)))
      await run(['ip', 'netns', 'del', name])
  })

  /** A shell in the network of h1; unlike `ip netns exec` it keeps the machine's mounts, so that it can name namespaces. */
  const shell = (input: string) =>
    run(['nsenter', `--net=/run/netns/${lab.host('h1').plan.namespace}`, 'sh', '-e'], {
      input,
      env: { OVS_RUNDIR: runDirectory },
    })

  async function attach(port: string, format: string): Promise<string> {
    const args = [WEFT, 'attach', `acme/${port}`, '--format', format, '--controller', lab.url]
    return (await run([execPath, ...args])).stdout
  }

  async function makePort(port: string): Promise<PortAnswer> {
    const response = await fetchChecked(`${lab.url}/v1/tenants/acme/ports/${port}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ network: 'web' }),
    })
    expect(response.status).toBe(201)
    return (await response.json()) as PortAnswer
  }

  /** Until the controller has bound and realized the port. */
  const bound = (port: string) =>
    eventually(`${port} bound`, WITHIN_MS, async () => {
      const { status } = await get<PortAnswer>(lab, `/v1/tenants/acme/ports/${port}`)
      return status.realized ? status.binding : undefined
    })

  /** acme/vm2 on the other host answers a ping that fills the MTU of 9000 bytes. */
  const reaches = (inside: readonly string[]) =>
    eventually('the other host answers', WITHIN_MS, async () => {
      const ping = ['ping', '-c', '1', '-W', '1', '-M', 'do', '-s', '8972', '10.0.0.12']
      return run([...inside, ...ping]).then(
        () => true,
        () => undefined,
      )
    })

  test('netns: a namespace that is the port', async () => {
    const port = `ns-${id}`
    const { mac, addresses } = await makePort(port)
    await shell(await attach(port, 'netns'))
    expect(await bound(port)).toEqual({ hostId: 'h1', ofport: expect.any(Number) })
    const inside = ['ip', 'netns', 'exec', `acme.${port}`]
    const { stdout } = await run([...inside, 'ip', '-json', 'address', 'show', 'dev', 'eth0'])
    const [eth0] = JSON.parse(stdout)
    expect(eth0).toMatchObject({ address: mac, mtu: 9000 })
    expect(eth0.addr_info[0]).toMatchObject({ local: addresses[0], prefixlen: 24 })
    await reaches(inside)
  })

  test('docker: a process found by its pid that is the port', async () => {
    const port = `docker-${id}`
    await makePort(port)
    const container = launch(['unshare', '--net', 'sleep', '600'])
    children.push(container)
    const docker = `docker() { if [ "$1" = inspect ]; then echo ${container.pid}; fi; }\n`
    await shell(`${docker}${await attach(port, 'docker')}`)
    expect(await bound(port)).toMatchObject({ hostId: 'h1' })
    await reaches(['nsenter', '--target', `${container.pid}`, '--net'])
  })

  test('xen: the interface that the script of xl has plugged in becomes the port', async () => {
    const port = `xen-${id}`
    const { uuid, mac } = await makePort(port)
    const text = await attach(port, 'xen')
    const device = /vifname=(\w+)/.exec(text)?.[1]
    const asScript = [
      `ip link add ${device} type veth peer name ${device}p`,
      `ovs-vsctl -- --if-exists del-port ${device} -- add-port br-int ${device} -- set Interface ${device} 'external_ids:attached-mac="${mac}"'`,
    ]
    const printed = [...text.matchAll(/^# {3}((?:ovs-vsctl|ip link) .*)$/gm)].map(
      ([, line]) => line,
    )
    expect(printed).toHaveLength(2)
    await shell([...asScript, ...printed].join('\n'))
    expect(await bound(port)).toMatchObject({ hostId: 'h1' })
    const { stdout } = await lab
      .host('h1')
      .vsctl(['get', 'Interface', `${device}`, 'external_ids', 'mtu'])
    expect(stdout).toBe(`{attached-mac="${mac}", iface-id="${uuid}"}\n9000\n`)
  })

  test('a second workload on the same port is warned of', async () => {
    const child = spawn(execPath, [
      ...[WEFT, 'attach', `acme/ns-${id}`, '--format', 'libvirt', '--controller', lab.url],
    ])
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    await new Promise((resolve) => child.once('close', resolve))
    expect(said).toMatch(
      /^weft: warning: port acme\/ns-\w+ is plugged in already, on h1 \(ofport \d+\)/,
    )
  })

  test('netns: the commands of the comments work too, the last one takes all back', async () => {
    const port = `ns-${id}`
    const text = await attach(port, 'netns')
    const [ethtool, undo] = [/^# (ip netns exec .*)$/m, /^# Undo: (.*)$/m].map(
      (pattern) => pattern.exec(text)?.[1] ?? 'false',
    )
    await shell(`${ethtool}`)
    await shell(`${undo}`)
    await eventually(`${port} unbound`, WITHIN_MS, async () => {
      const { status } = await get<PortAnswer>(lab, `/v1/tenants/acme/ports/${port}`)
      return status.binding === undefined ? true : undefined
    })
    expect(namespacesNamed(`acme.${port}`)).toEqual([])
  })
})
