/**
 * A real ovs-vswitchd as a peer: the dummy datapath, each port a unix stream socket with a 2-byte
 * length before each frame. It needs no root and touches nothing outside its temporary folder.
 *
 * When is a frame done? Behind the frames of a batch goes a marker by every port, which a flow sends
 * back out of its port: frames of one port are handled in order, so when all markers are back, every
 * frame was handled. A second round of markers flushes what waits to be sent, and a barrier, sent
 * at the same time, comes behind all packet-ins. Neighbours: peer.ts, session.ts.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Connection } from '../../../southbound/openflow/connection.ts'
import { ConnectionError } from '../../../southbound/openflow/error.ts'
import { encodeFlow } from '../../../southbound/openflow/flow.ts'
import { type Body, flowMod } from '../../../southbound/openflow/message.ts'
import { IN_PORT } from '../../../southbound/openflow/port.ts'
import {
  DOWN_PORT,
  frameLine,
  hex,
  type Input,
  MTU_BYTES,
  type Outcome,
  type Peer,
  PORTS,
} from './peer.ts'
import { controllerEnd } from './session.ts'

const run = promisify(execFile)

export interface OpenVswitchPeer extends Peer {
  /** Runs frames as fast as it goes: one outcome for all, in no order. */
  runTogether(inputs: readonly Input[]): Promise<Outcome>
  /** What `ovs-appctl ofproto/trace` says of a frame. */
  trace(input: Input): Promise<string>
  /** Runs `ovs-appctl` against ovs-vswitchd. */
  appctl(...args: readonly string[]): Promise<string>
}

const MARKER_MAC = 0x0a574654ffff
const MARKER_TYPE = 0x88b5
const MARKER_SIZE = 60
/** Highest priority of all: random flows stay below it. */
export const MARKER_PRIORITY = 0xffff
const markerFlow: Body = flowMod(
  'add',
  encodeFlow({
    table_id: 0,
    priority: MARKER_PRIORITY,
    cookie: 0n,
    match: { eth_dst: MARKER_MAC, eth_type: MARKER_TYPE },
    instructions: [
      { kind: 'apply_actions', actions: [{ kind: 'output', port: IN_PORT, max_len: 0 }] },
    ],
  }),
)

function marker(round: number): Buffer {
  const frame = Buffer.alloc(2 + MARKER_SIZE)
  frame.writeUInt16BE(MARKER_SIZE, 0)
  frame.writeUIntBE(MARKER_MAC, 2, 6)
  frame.writeUInt16BE(MARKER_TYPE, 14)
  frame.writeUInt32BE(round, 16)
  return frame
}
const roundOf = (frame: Buffer): number | undefined =>
  frame.length === MARKER_SIZE &&
  frame.readUIntBE(0, 6) === MARKER_MAC &&
  frame.readUInt16BE(12) === MARKER_TYPE
    ? frame.readUInt32BE(14)
    : undefined

/** A far end of one dummy port. */
interface Cable {
  readonly port: number
  readonly socket: Socket
  /** Marker that came back last. */
  round: number
}

const PATIENCE_MS = 20_000

/** ovs-vswitchd ended: what was under way has no answer. */
export class PeerDied extends Error {}

/**
 * A peer that is started again when it dies; what was under way rejects with PeerDied all the same.
 * One that is starting when it is to be closed is waited for, and closed.
 */
export async function lastingPeer(start: () => Promise<OpenVswitchPeer>): Promise<OpenVswitchPeer> {
  let last = start()
  const { name } = await last
  let isClosed = false
  const guard = async <T>(work: (peer: OpenVswitchPeer) => Promise<T>): Promise<T> => {
    const peer = await last
    try {
      return await work(peer)
    } catch (error) {
      const died = error instanceof PeerDied || error instanceof ConnectionError
      if (!died || isClosed) throw error
      await peer.close()
      if (!isClosed) last = start()
      await last
      throw new PeerDied(error.message, { cause: error })
    }
  }
  return {
    name,
    install: (messages) => guard((peer) => peer.install(messages)),
    run: (inputs) => guard((peer) => peer.run(inputs)),
    runTogether: (inputs) => guard((peer) => peer.runTogether(inputs)),
    trace: (input) => guard((peer) => peer.trace(input)),
    appctl: (...args) => guard((peer) => peer.appctl(...args)),
    async close() {
      isClosed = true
      // What could not be started has cleaned up behind itself.
      const peer = await last.catch(() => undefined)
      await peer?.close()
    },
  }
}

export async function openVswitch(): Promise<OpenVswitchPeer> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-fuzz-'))
  const at = (name: string) => join(dir, name)
  const env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir }
  const daemon = async (program: string, name: string, ...args: string[]) => {
    const files = [`--unixctl=${at(`${name}.ctl`)}`, `--pidfile=${at(`${name}.pid`)}`]
    const log = ['--no-chdir', `--log-file=${at(`${name}.log`)}`, '-vconsole:off']
    await run(program, [...args, ...files, ...log, '--detach'], { env })
  }
  const db = `unix:${at('db.sock')}`
  const vsctl = (...args: string[]) => run('ovs-vsctl', [`--db=${db}`, '--timeout=20', ...args])
  const appctl = async (...args: string[]) =>
    (await run('ovs-appctl', ['-t', at('vswitchd.ctl'), ...args])).stdout
  const end = async () => {
    // By their files: an interrupt may have ended who started a daemon, and not the daemon.
    for (const name of ['vswitchd', 'db']) {
      const file = at(`${name}.pid`)
      if (existsSync(file)) await stop(Number(readFileSync(file, 'utf8')))
    }
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const schema = '/usr/share/openvswitch/vswitch.ovsschema'
    await run('ovsdb-tool', ['create', at('conf.db'), schema], { env })
    await daemon('ovsdb-server', 'db', at('conf.db'), `--remote=p${db}`)
    await vsctl('--no-wait', 'init', '--', 'set', 'Open_vSwitch', '.', ...SETTINGS)
    await daemon('ovs-vswitchd', 'vswitchd', '--enable-dummy=override', '--disable-system', db)
    const port = (n: number) => [
      ...['--', 'add-port', 'br0', `p${n}`, '--', 'set', 'interface', `p${n}`],
      ...['type=dummy', `ofport_request=${n}`, `options:pstream=punix:${at(`p${n}`)}`],
      `mtu_request=${MTU_BYTES}`,
    ]
    await vsctl(
      ...['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=dummy'],
      ...['fail_mode=secure', 'protocols=OpenFlow13', 'other_config:disable-in-band=true'],
      ...[...PORTS, DOWN_PORT].flatMap(port),
    )
    await appctl('netdev-dummy/set-admin-state', `p${DOWN_PORT}`, 'down')
  } catch (error) {
    await end()
    throw error
  }

  let lines: string[] = []
  const waiting: { round: number; resolve: () => void; reject: (error: Error) => void }[] = []
  const cables = PORTS.map((port): Cable => {
    const cable = { port, socket: connect(at(`p${port}`)), round: 0 }
    let rest: Buffer = Buffer.alloc(0)
    cable.socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let o = 0
      for (; rest.length - o >= 2 && rest.length - o - 2 >= rest.readUInt16BE(o); ) {
        const frame = rest.subarray(o + 2, o + 2 + rest.readUInt16BE(o))
        o += 2 + frame.length
        const round = roundOf(frame)
        if (round === undefined) lines.push(frameLine(port, frame))
        else cable.round = round
      }
      rest = rest.subarray(o)
      for (const wait of waiting) {
        if (cables.every((one) => one.round >= wait.round)) wait.resolve()
      }
    })
    const lost = () => {
      const error = new PeerDied(`ovs-vswitchd went away: ${lastWords(at('vswitchd.log'))}`)
      for (const wait of waiting) wait.reject(error)
    }
    cable.socket.on('error', lost).on('close', lost)
    return cable
  })
  const arrived = async (round: number) => {
    let timer: NodeJS.Timeout | undefined
    const wait = { round, resolve: () => {}, reject: (_: Error) => {} }
    try {
      await new Promise<void>((resolve, reject) => {
        Object.assign(wait, { resolve, reject })
        waiting.push(wait)
        const late = () => reject(new Error(`no marker came back in ${PATIENCE_MS} ms`))
        timer = setTimeout(late, PATIENCE_MS)
      })
    } finally {
      clearTimeout(timer)
      waiting.splice(waiting.indexOf(wait), 1)
    }
  }
  const connection = await Connection.open(connect(at('br0.mgmt')), { echoIntervalMs: 60_000 })
  const controller = controllerEnd(connection)

  let round = 0
  const runTogether = async (inputs: readonly Input[]): Promise<Outcome> => {
    lines = []
    controller.takePunts()
    round++
    const first = arrived(round)
    for (const { port, socket } of cables) {
      const parts: Uint8Array[] = []
      for (const input of inputs) {
        if (input.port !== port) continue
        const length = Buffer.alloc(2)
        length.writeUInt16BE(input.bytes.length)
        parts.push(length, input.bytes)
      }
      socket.write(Buffer.concat([...parts, marker(round)]))
    }
    await first
    round++
    const second = arrived(round)
    for (const { socket } of cables) socket.write(marker(round))
    await Promise.all([second, controller.barrier()])
    return { frames: lines, punts: controller.takePunts() }
  }

  return {
    name: 'Open vSwitch',
    runTogether,
    async install(messages) {
      const errors = new Map(await controller.install([...messages, markerFlow]))
      const lost = errors.get(messages.length)
      if (lost !== undefined) throw new Error(`the marker's flow was refused: ${lost}`)
      return errors
    },
    async run(inputs) {
      const outcomes: Outcome[] = []
      for (const input of inputs) outcomes.push(await runTogether([input]))
      return outcomes
    },
    appctl,
    trace: ({ port, bytes }) => appctl('ofproto/trace', 'br0', `in_port=${port}`, hex(bytes)),
    async close() {
      connection.close()
      for (const { socket } of cables) socket.destroy()
      await end()
    },
  }
}

/** No megaflows, which outlive flows for a moment; all tags; threads that would only wait. */
const SETTINGS = [
  'other_config:flow-limit=0',
  'other_config:vlan-limit=0',
  'other_config:n-handler-threads=1',
  'other_config:n-revalidator-threads=1',
]

function lastWords(log: string): string {
  try {
    return readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' / ')
  } catch {
    return 'it left no log'
  }
}

async function stop(pid: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    try {
      process.kill(pid, i === 0 ? 'SIGTERM' : i < 60 ? 0 : 'SIGKILL')
    } catch {
      return
    }
    await sleep(50)
  }
}
