/**
 * `weft switch` as a process in a folder of its own, and what somebody beside it types: ovs-vsctl and
 * ovs-ofctl with OVS_RUNDIR and nothing else. Hosts are guests on stream ports.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openStreamPort } from '../../../dataplane/ports/stream.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import { systemClock } from '../../../southbound/wire/clock.ts'
import { createGuest, type Guest } from '../../../topologies/lab/guest.ts'

const weft = fileURLToPath(new URL('../../../bin/weft.ts', import.meta.url))

/** What a program printed, and how it ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  /** So far. */
  readonly stdout: string
  readonly stderr: string
  /** Ends by itself, or by the signal; resolves when it has. */
  end(signal?: NodeJS.Signals): Promise<Ended>
}

/** Starts a program; it is killed at the latest when the test ends it. */
export function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Started {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  return {
    child,
    get stdout() {
      return said.stdout
    },
    get stderr() {
      return said.stderr
    },
    async end(signal) {
      if (signal !== undefined && child.exitCode === null) child.kill(signal)
      const [code] = (await closed) as [number | null]
      return { code, ...said }
    },
  }
}

/** Waits until it holds; rejects, with what is then the case, after `ms`. */
export async function until<T>(
  look: () => T | Promise<T>,
  holds: (seen: T) => boolean,
  ms = 20_000,
): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    if (performance.now() > end) throw new Error(`still: ${JSON.stringify(seen)}`)
    await sleep(50)
  }
}

export interface SwitchProcess {
  /** OVS_RUNDIR. */
  readonly folder: string
  readonly process: Started
  readonly env: NodeJS.ProcessEnv
  /** What a command printed; rejects when it fails. */
  vsctl(...args: readonly string[]): Promise<string>
  /** `ovs-ofctl -O OpenFlow13 …` */
  ofctl(...args: readonly string[]): Promise<string>
  run(command: string, ...args: readonly string[]): Promise<Ended>
  /** A port of the bridge, and a guest that is at it; resolves when the link is up. */
  plug(bridge: string, name: string, address: string): Promise<Guest>
  restart(signal: NodeJS.Signals): Promise<void>
  close(): Promise<void>
}

/** Starts it, and waits until it is ready. @param args further options of `weft switch` */
export async function startSwitch(...args: readonly string[]): Promise<SwitchProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-switch-'))
  const env = { ...process.env, OVS_RUNDIR: folder, OVS_LOGDIR: folder }
  const launch = () =>
    start(execPath, [weft, 'switch', ...args.map((arg) => arg.replace('DIR', folder))], env)
  let running = launch()
  const ready = () =>
    until(
      () => running.stdout,
      (text) => text.includes('ready') || running.child.exitCode !== null,
    )
  await ready()
  const closing: (() => void)[] = []
  const run = (command: string, ...of: readonly string[]) =>
    new Promise<Ended>((resolve) => {
      execFile(command, of, { env, timeout: 20_000 }, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : null) : 0
        resolve({ code, stdout, stderr })
      })
    })
  const must = async (command: string, of: readonly string[]) => {
    const { code, stdout, stderr } = await run(command, ...of)
    if (code !== 0) throw new Error(`${command} ${of.join(' ')}: ${code} ${stderr}`)
    return stdout
  }
  const vsctl: SwitchProcess['vsctl'] = (...of) => must('ovs-vsctl', ['--timeout=10', ...of])
  return {
    folder,
    env,
    vsctl,
    run,
    get process() {
      return running
    },
    ofctl: (...of) => must('ovs-ofctl', ['-O', 'OpenFlow13', ...of]),
    async plug(bridge, name, address) {
      const path = join(folder, `${name}.sock`)
      const options = ['type=stream', `options:pstream=punix:${path}`]
      await vsctl('add-port', bridge, name, '--', 'set', 'Interface', name, ...options)
      const port = await openStreamPort({ name, endpoint: `unix:${path}` })
      const ip = parseIpv4(address)
      const transmit = (frame: Uint8Array) => port.transmit(frame, 0, frame.length)
      const mac = 0x02_00_00_00_00_00 + (ip & 0xff)
      const guest = createGuest({ mac, address: ip, mtuBytes: 1500, transmit, clock: systemClock })
      port.onReceive((bytes, begin, end) => guest.receive(bytes.slice(begin, end)))
      closing.push(() => {
        guest.close()
        port.close()
      })
      await until(
        () => vsctl('get', 'Interface', name, 'link_state'),
        (state) => state.trim() === 'up',
      )
      return guest
    },
    async restart(signal) {
      await running.end(signal)
      running = launch()
      await ready()
    },
    async close() {
      for (const one of closing) one()
      await running.end('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
