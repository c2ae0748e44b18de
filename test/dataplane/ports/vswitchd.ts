/**
 * A real ovs-vswitchd in a folder of its own, with a bridge br0. `override`: ports of every type are dummy
 * ones; `system`: tunnels are real; neither needs root. `beside`: devices are those of the namespace, and
 * dummy ports beside them.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Vswitchd {
  readonly folder: string
  /** Its standard output. Rejects when the command fails, or says that a port cannot be. */
  vsctl(...args: readonly string[]): Promise<string>
  ofctl(command: string, ...args: readonly string[]): Promise<string>
  appctl(...args: readonly string[]): Promise<string>
  close(): void
}

export async function openVswitchd(
  dummy: 'override' | 'system' | 'beside',
  namespace?: string,
): Promise<Vswitchd> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-vswitchd-'))
  const at = (name: string) => join(folder, name)
  const env = { ...process.env, OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder }
  const pids: number[] = []
  const db = `unix:${at('db.sock')}`
  const output = async (program: string, args: readonly string[]) =>
    (await run(program, [...args], { env })).stdout
  const daemon = async (program: string, name: string, ...args: string[]) => {
    const files = [`--unixctl=${at(`${name}.ctl`)}`, `--pidfile=${at(`${name}.pid`)}`]
    const quiet = ['--no-chdir', `--log-file=${at(`${name}.log`)}`, '-vconsole:off', '--detach']
    const within = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace]
    const [command = '', ...rest] = [...within, program, ...args, ...files, ...quiet]
    await run(command, rest, { env })
    pids.push(Number(readFileSync(at(`${name}.pid`), 'utf8')))
  }
  const vswitchd: Vswitchd = {
    folder,
    vsctl: (...args) => output('ovs-vsctl', [`--db=${db}`, '--timeout=20', ...args]),
    ofctl: (command, ...args) =>
      output('ovs-ofctl', ['-O', 'OpenFlow13', command, `unix:${at('br0.mgmt')}`, ...args]),
    appctl: (...args) => output('ovs-appctl', ['-t', at('vswitchd.ctl'), ...args]),
    close() {
      for (const pid of pids.reverse()) process.kill(pid, 'SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  try {
    const schema = '/usr/share/openvswitch/vswitch.ovsschema'
    await run('ovsdb-tool', ['create', at('conf.db'), schema], { env })
    await daemon('ovsdb-server', 'db', at('conf.db'), `--remote=p${db}`)
    await vswitchd.vsctl('--no-wait', 'init')
    const flag = dummy === 'beside' ? '--enable-dummy' : `--enable-dummy=${dummy}`
    await daemon('ovs-vswitchd', 'vswitchd', flag, '--disable-system', db)
    const type = dummy === 'beside' ? 'netdev' : 'dummy'
    const bridge = [`datapath_type=${type}`, 'fail_mode=secure', 'protocols=OpenFlow13']
    await vswitchd.vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', ...bridge)
    return vswitchd
  } catch (error) {
    vswitchd.close()
    throw error
  }
}
