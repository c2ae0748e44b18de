/**
 * A lab on the virtual machines of the Vagrantfile. Implements the `Lab` of ../lab.ts; the machines are up already, and they
 * stay when the lab is closed: a lab is a document on them, and its guests.
 *
 *     machine.ts, far.ts, messages.ts   one session with each machine: commands, raw frames
 *     ssh.ts, tunnel.ts                 how to get there, and to REST
 *     guests.ts                         namespaces on the machines
 *     hosts.ts                          Open vSwitch, weft agent and the controller, as services
 *
 * Frames on the underlay and on physical networks are those that leave the hosts by their interfaces. The controller's machine has
 * interfaces there too, without addresses: it is the stranger.
 */
import { fileURLToPath } from 'node:url'
import { parseIpv4, parseMac } from '../../../southbound/wire/address.ts'
import type { LabDocument, Segment, Step, Unsubscribe } from '../lab.ts'
import { NetnsError } from '../netns/error.ts'
import { planSite, type SitePlan } from '../netns/plan.ts'
import { tapsOf } from '../netns/taps.ts'
import { together } from '../netns/together.ts'
import type { RealLab, RealOvsHost, RealVtepHost, RealWorkload } from '../real.ts'
import { realTime } from '../real-time.ts'
import { portUuid, whenRealized } from '../rest.ts'
import { guestScript, REMOVAL, type Taps, taps, vagrantGuest } from './guests.ts'
import { controllerOn, ovsHostOn, type VagrantHost, vtepHostOn } from './hosts.ts'
import { type Machine, openMachine } from './machine.ts'
import { MANAGEMENT_NIC, UNDERLAY_NIC } from './nics.ts'
import { type SshConfig, sshConfig } from './ssh.ts'
import { openTunnel } from './tunnel.ts'

/** Of the Vagrantfile. */
const FOLDER = fileURLToPath(new URL('../../..', import.meta.url))
const CONTROLLER = 'controller'
const CONTROLLER_ADDRESS = '192.168.56.10'
/** Bounds of what takes seconds with KVM, and minutes where a busy machine emulates. */
const REALIZED_TIMEOUT_MS = 300_000
const HEALTHY_TIMEOUT_MS = 300_000
const RECONNECTED_TIMEOUT_MS = 120_000
const POLL_MS = 500
/** The longest that a frame has been seen under way, and counters behind it, with room for a busy machine. */
const SETTLE_MS = 2_500

export interface VagrantLab extends RealLab {
  readonly backend: 'vagrant'
}

export interface VagrantLabOptions {
  readonly document: LabDocument
  /** Text of the document as the controller gets it; left out: written anew. */
  readonly text?: string
  readonly signal?: AbortSignal
  readonly step?: Step
}

/**
 * Brings the document up on machines that are up, in place of whatever the controller there had: its store starts empty. When
 * that fails no guest is left.
 */
export async function openVagrantLab(options: VagrantLabOptions): Promise<VagrantLab> {
  const { document, signal, step } = options
  await using closing = new AsyncDisposableStack()
  const names = [CONTROLLER, ...Object.keys(document.hosts)]
  const ssh = await sshConfig(FOLDER, names, signal)
  closing.defer(() => ssh.close())
  const machines = await openMachines(ssh, names, closing, signal)
  step?.(`sessions with ${names.join(', ')}`)
  const tunnel = await openTunnel(ssh, CONTROLLER, warn)
  closing.defer(() => tunnel.close())

  const clean = () =>
    together(
      undefined,
      [...machines.values()].map((each) => () => script(each, REMOVAL)),
    )
  await clean()
  const plan = planSite(randomId(), document)
  closing.defer(async () => void (await clean()))
  const controller = controllerOn(of(machines, CONTROLLER))
  await together(signal, [
    () => controller.startAfresh(options.text ?? JSON.stringify(document)),
    ...plan.hosts.map(({ id }) => async () => {
      const own = plan.workloads.filter(({ hostId }) => hostId === id)
      await script(of(machines, id), guestScript(own))
    }),
  ])
  await whenHealthy(tunnel.url, signal)
  step?.(`controller at ${tunnel.url}`)

  const parts = { document, plan, ssh, machines, url: tunnel.url }
  const { lab, hosts } = await labOf(parts, controller, closing)
  for (const host of hosts) {
    const own = plan.workloads.filter(({ hostId }) => hostId === host.id)
    const plugs = own.map(async (guest) => {
      const uuid = await portUuid(tunnel.url, `${guest.tenant}/${guest.portId}`, signal)
      return { guest, uuid }
    })
    await host.plug(await Promise.all(plugs))
  }
  step?.(`${plan.workloads.length} workloads plugged`)
  const ports = Object.values(document.workloads)
  await whenRealized(tunnel.url, ports, { timeoutMs: REALIZED_TIMEOUT_MS, signal, pollMs: POLL_MS })
  step?.('all ports realized')
  const moved = closing.move()
  let closed: Promise<void> | undefined
  return { ...lab, close: () => (closed ??= moved.disposeAsync()) }
}

interface Parts {
  readonly document: LabDocument
  readonly plan: SitePlan
  readonly ssh: SshConfig
  readonly machines: ReadonlyMap<string, Machine>
  readonly url: string
}

async function labOf(
  { document, plan, ssh, machines, url }: Parts,
  controller: { kill(): Promise<void>; start(): Promise<void> },
  closing: AsyncDisposableStack,
): Promise<{ lab: Omit<VagrantLab, 'close'>; hosts: readonly VagrantHost[] }> {
  const ovs = new Map<string, RealOvsHost & VagrantHost>()
  const vteps = new Map<string, RealVtepHost & VagrantHost>()
  for (const [id, { kind }] of Object.entries(document.hosts)) {
    const machine = of(machines, id)
    if (kind === 'vtep') vteps.set(id, vtepHostOn(machine))
    else ovs.set(id, ovsHostOn(machine))
  }
  const hosts = new Map<string, VagrantHost>([...ovs, ...vteps])
  const guests = new Map<string, RealWorkload>()
  for (const guest of plan.workloads) {
    const machine = of(machines, guest.hostId)
    const place = { namespace: guest.namespace, devices: ['eth0'], leaving: false }
    guests.set(guest.name, vagrantGuest(guest, machine, await listen([machine], place, closing)))
  }
  const stranger = of(machines, CONTROLLER)
  const all = [...hosts.keys()].map((id) => of(machines, id))
  const wire = async (device: string, on: readonly Machine[]): Promise<Segment> => {
    const seen = await listen(on, { namespace: '', devices: [device], leaving: true }, closing)
    return { send: (frame) => stranger.send('', device, frame), onFrame: seen.add }
  }
  const underlay = await wire(UNDERLAY_NIC, all)
  const physicalNetworks = new Map<string, Segment>()
  for (const [id, uplinks] of Map.groupBy(plan.uplinks, (each) => each.physicalNetwork)) {
    const on = uplinks.map(({ hostId }) => of(machines, hostId))
    physicalNetworks.set(id, await wire(uplinks[0]?.device ?? '', on))
  }
  const vtepOf = async (id: string) => {
    const mac = await macOf(of(machines, id), UNDERLAY_NIC)
    const address = plan.hosts.find((host) => host.id === id)?.vtep.address
    return [id, { mac, address }] as const
  }
  const lab: Omit<VagrantLab, 'close'> = {
    ...realTime,
    backend: 'vagrant',
    document,
    url,
    fetch: (path, init) => fetchPatiently(`${url}${path}`, init),
    controllerAddress: parseIpv4(CONTROLLER_ADDRESS),
    controllerMac: await macOf(stranger, MANAGEMENT_NIC),
    settleMs: SETTLE_MS,
    workloads: guests,
    underlay: {
      hosts: Object.fromEntries(await Promise.all([...hosts.keys()].map(vtepOf))),
      rogueAddress: plan.rogue.address,
      rogueMac: await macOf(stranger, UNDERLAY_NIC),
      inject: underlay.send,
      onFrame: (listener) => underlay.onFrame((frame) => listener(frame, '')),
    },
    physicalNetworks,
    taps: tapsOf(plan, {
      underlayNic: UNDERLAY_NIC,
      namespaceOf: () => '',
      open: (hostId, place) => of(machines, hostId).watch(place),
    }),
    machines: hosts,
    controller: {
      kill: controller.kill,
      async start() {
        await controller.start()
        await whenHealthy(url, undefined)
      },
    },
    host: (id) => of(ovs, id),
    vtep: (id) => of(vteps, id),
    workload: (name) => of(guests, name),
    commandIn(name) {
      const guest = plan.workloads.find((each) => each.name === name)
      const machine = guest?.hostId ?? name
      if (!machines.has(machine)) return undefined
      const within = guest ? ['ip', 'netns', 'exec', guest.namespace] : []
      return [process.execPath, REMOTE, ssh.file, machine, ...within]
    },
  }
  return { lab, hosts: [...hosts.values()] }
}

/** ssh hands one line to a shell over there; this quotes. */
const REMOTE = fileURLToPath(new URL('remote.ts', import.meta.url))

/** Of what nobody waits for. */
const warn = ({ message }: Error): void => void process.stderr.write(`${message}\n`)

async function openMachines(
  ssh: SshConfig,
  names: readonly string[],
  closing: AsyncDisposableStack,
  signal: AbortSignal | undefined,
): Promise<Map<string, Machine>> {
  const open = (name: string) => async (either: AbortSignal) => {
    const machine = await openMachine(name, ssh, { signal: either, onFault: warn })
    closing.defer(() => machine.close())
    return [name, machine] as const
  }
  return new Map(await together(signal, names.map(open)))
}

async function listen(
  machines: readonly Machine[],
  place: Parameters<Machine['tap']>[0],
  closing: AsyncDisposableStack,
): Promise<Taps> {
  const own = taps()
  const stops: Unsubscribe[] = []
  for (const machine of machines) stops.push(await machine.tap(place, own.seen))
  closing.defer(() => {
    for (const stop of stops) stop()
  })
  return own
}

const script = async (machine: Machine, text: string): Promise<void> =>
  void (await machine.run(['sh', '-e'], { input: text }))

async function macOf(machine: Machine, device: string): Promise<number> {
  return parseMac((await machine.run(['cat', `/sys/class/net/${device}/address`])).stdout.trim())
}

function of<T>(things: ReadonlyMap<string, T>, name: string): T {
  const thing = things.get(name)
  if (thing === undefined) throw new NetnsError(`no ${name} among ${[...things.keys()].join(', ')}`)
  return thing
}

async function whenHealthy(url: string, signal: AbortSignal | undefined): Promise<void> {
  const deadline = performance.now() + HEALTHY_TIMEOUT_MS
  let why: unknown
  for (;;) {
    signal?.throwIfAborted()
    try {
      const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(10_000) })
      await answer.arrayBuffer()
      if (answer.ok) return
      why = `${answer.status}`
    } catch (cause) {
      // Nobody listens yet: asked again.
      why = cause
    }
    if (performance.now() > deadline)
      throw new NetnsError('the controller does not answer', { cause: why })
    await realTime.clock.sleep(POLL_MS, signal)
  }
}

/**
 * A machine that gets no processor for ten seconds is disconnected until it does: what is read of a host is asked for again.
 * With KVM nothing of this is seen.
 */
async function fetchPatiently(url: string, init: RequestInit | undefined): Promise<Response> {
  const deadline = performance.now() + RECONNECTED_TIMEOUT_MS
  for (;;) {
    const answer = await fetch(url, init)
    const isRead = init?.method === undefined || init.method === 'GET'
    if (!isRead || answer.status !== 503 || performance.now() > deadline) return answer
    await answer.arrayBuffer()
    await realTime.clock.sleep(POLL_MS, init?.signal ?? undefined)
  }
}

const randomId = (): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(3))).toString('hex')
