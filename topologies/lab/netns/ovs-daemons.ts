/**
 * One real Open vSwitch: ovsdb-server and ovs-vswitchd with a directory of their own, in the namespace of
 * their host. They go to the background by themselves once they are ready, as their service does it, and
 * are ended by the pid that they wrote. ovs-host.ts tells them what to be. The commands that talk to them
 * run in the namespace too: a lab finds its processes by their namespace.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { NetnsError } from './error.ts'
import { endProcess, within } from './namespace.ts'
import { growReceiveBuffers } from './receive-buffers.ts'
import { type Output, type RunOptions, run } from './run.ts'
import { startTimeOf } from './state.ts'

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'
const END_TIMEOUT_MS = 5000

/** The daemons of one host, and the commands that talk to them. */
export interface OvsDaemons {
  /** Database, sockets, logs and pid files; also OVS_RUNDIR of every command. */
  readonly directory: string
  /** Starts ovsdb-server on the database that is there, or on a new one; resolves when it answers. */
  startDatabase(options: {
    emptyDatabase: boolean
    signal?: AbortSignal | undefined
  }): Promise<void>
  /** Starts ovs-vswitchd; resolves when it has made the bridges that the database asks for. */
  startSwitch(options: { signal?: AbortSignal | undefined }): Promise<void>
  /** Gives the interfaces that the switch reads now room for bursts. */
  growReceiveBuffers(): void
  /** SIGKILL to both, resolves when both are gone. */
  kill(): Promise<void>
  vsctl(args: readonly string[], options?: RunOptions): Promise<Output>
  ofctl(args: readonly string[], options?: RunOptions): Promise<Output>
  /** To ovs-vswitchd. */
  appctl(args: readonly string[], options?: RunOptions): Promise<Output>
}

/** Daemons in `namespace` with their files in `directory` (made here); nothing is started yet. */
export function ovsDaemons(namespace: string, directory: string): OvsDaemons {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = (name: string): string => join(directory, name)
  const database = `unix:${file('db.sock')}`
  const env = { OVS_RUNDIR: directory, OVS_LOGDIR: directory, OVS_DBDIR: directory }

  const daemon = async (
    name: string,
    args: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    const common = [
      `--unixctl=${file(`${name}.ctl`)}`,
      `--pidfile=${file(`${name}.pid`)}`,
      `--log-file=${file(`${name}.log`)}`,
      '-vconsole:off',
      '-vsyslog:off',
      '--detach',
    ]
    await run(within(namespace, [name, ...args, ...common]), { env, signal })
  }
  const command = (argv: readonly string[], options: RunOptions | undefined): Promise<Output> =>
    run(within(namespace, argv), { ...options, env })
  const runningPid = (name: string): number | undefined => {
    const path = file(`${name}.pid`)
    if (!existsSync(path)) return undefined
    const pid = Number(readFileSync(path, 'utf8'))
    return isRunning(pid) && commandLineOf(pid).includes(directory) ? pid : undefined
  }

  return {
    directory,
    async startDatabase({ emptyDatabase, signal }) {
      if (emptyDatabase) {
        rmSync(file('conf.db'), { force: true })
        await run(['ovsdb-tool', 'create', file('conf.db'), SCHEMA], { env, signal })
      }
      const remotes = [
        `--remote=p${database}`,
        '--remote=db:Open_vSwitch,Open_vSwitch,manager_options',
        // As its service does it: what set-ssl says, once it says something.
        '--private-key=db:Open_vSwitch,SSL,private_key',
        '--certificate=db:Open_vSwitch,SSL,certificate',
        '--ca-cert=db:Open_vSwitch,SSL,ca_cert',
      ]
      await daemon('ovsdb-server', [file('conf.db'), ...remotes], signal)
    },
    startSwitch: ({ signal }) => daemon('ovs-vswitchd', [database], signal),
    growReceiveBuffers() {
      const pid = runningPid('ovs-vswitchd')
      if (pid !== undefined) growReceiveBuffers(pid)
    },
    async kill() {
      const pids = ['ovs-vswitchd', 'ovsdb-server'].map(runningPid)
      for (const pid of pids) if (pid !== undefined) endProcess(pid)
      const deadline = performance.now() + END_TIMEOUT_MS
      while (pids.some((pid) => pid !== undefined && isRunning(pid))) {
        if (performance.now() > deadline) throw new NetnsError(`daemons of ${namespace} do not end`)
        await delay(2)
      }
    },
    vsctl: (args, options) => command(['ovs-vsctl', `--db=${database}`, ...args], options),
    ofctl: (args, options) => command(['ovs-ofctl', '-O', 'OpenFlow13', ...args], options),
    appctl: (args, options) =>
      command(['ovs-appctl', '-t', file('ovs-vswitchd.ctl'), ...args], options),
  }
}

function isRunning(pid: number): boolean {
  return startTimeOf(pid) !== undefined
}

/** Arguments are separated by NUL. '' when the process is gone. */
function commandLineOf(pid: number): string {
  const path = `/proc/${pid}/cmdline`
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
