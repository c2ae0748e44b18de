/**
 * A real ovs-vswitchd with the dummy datapath in a folder of its own, with a bridge br0. It needs no root.
 * `override`: ports of every type are dummy ones; `system`: tunnels are real.
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

export async function openVswitchd(dummy: 'override' | 'system'): Promise<Vswitchd> {
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
    await run(program, [...args, ...files, ...quiet], { env })
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
    await daemon('ovs-vswitchd', 'vswitchd', `--enable-dummy=${dummy}`, '--disable-system', db)
    const bridge = ['datapath_type=dummy', 'fail_mode=secure', 'protocols=OpenFlow13']
    await vswitchd.vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', ...bridge)
    return vswitchd
  } catch (error) {
    vswitchd.close()
    throw error
  }
}
