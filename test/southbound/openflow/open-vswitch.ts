/**
 * A real Open vSwitch of its own in a temporary directory: no root, no interfaces (the dummy
 * datapath), no system-wide paths. For tests of the protocol, not of packets.
 */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Connection } from '../../../southbound/openflow/connection.ts'

const run = promisify(execFile)

export interface OpenVswitch {
  /** A connection to br0, whose ports are p1 (1), p2 (2) and the VXLAN port tun (10). */
  connect(): Promise<Connection>
  vsctl(...args: string[]): Promise<string>
  /** ovs-ofctl -O OpenFlow13 COMMAND br0 ARGUMENTS */
  ofctl(command: string, ...args: string[]): Promise<string>
  /** What ovs-ofctl reads in the bytes of a message. */
  print(message: Uint8Array): Promise<string>
  close(): Promise<void>
}

export async function startOpenVswitch(): Promise<OpenVswitch> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-openflow-'))
  const at = (name: string) => join(dir, name)
  const env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir }
  const daemon = (program: string, args: string[], name: string) =>
    run(
      program,
      [
        ...args,
        `--unixctl=${at(`${name}.ctl`)}`,
        `--pidfile=${at(`${name}.pid`)}`,
        '--detach',
        '--no-chdir',
        `--log-file=${at(`${name}.log`)}`,
      ],
      { env },
    )
  const vsctl = async (...args: string[]) =>
    (await run('ovs-vsctl', [`--db=unix:${at('db.sock')}`, '--timeout=10', ...args], { env }))
      .stdout
  const bridge = `unix:${at('br0.mgmt')}`
  const pids = () => ['vswitchd', 'db'].flatMap((name) => readPid(at(`${name}.pid`)))
  const close = async () => {
    for (const pid of pids()) await end(pid)
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    const schema = '/usr/share/openvswitch/vswitch.ovsschema'
    execFileSync('ovsdb-tool', ['create', at('conf.db'), schema], { env })
    await daemon('ovsdb-server', [at('conf.db'), `--remote=punix:${at('db.sock')}`], 'db')
    await vsctl('--no-wait', 'init')
    const dummy = ['--enable-dummy=override', '--disable-system', `unix:${at('db.sock')}`]
    await daemon('ovs-vswitchd', dummy, 'vswitchd')
    const port = (name: string, number: number, ...settings: string[]) => [
      '--',
      'add-port',
      'br0',
      name,
      '--',
      'set',
      'interface',
      name,
      `ofport_request=${number}`,
      ...settings,
    ]
    await vsctl(
      ...['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=dummy'],
      ...['fail_mode=secure', 'protocols=OpenFlow13', 'other_config:disable-in-band=true'],
      ...port('p1', 1, 'type=dummy'),
      ...port('p2', 2, 'type=dummy'),
      ...port('tun', 10, 'type=vxlan', 'options:key=flow', 'options:remote_ip=flow'),
    )
  } catch (error) {
    await close()
    throw error
  }
  return {
    connect: () => Connection.open(connect(at('br0.mgmt'))),
    vsctl,
    ofctl: async (command, ...args) =>
      (await run('ovs-ofctl', ['-O', 'OpenFlow13', command, bridge, ...args], { env })).stdout,
    print: (message) =>
      new Promise((resolve, reject) => {
        const child = spawn('ovs-ofctl', ['ofp-print', Buffer.from(message).toString('hex')], {
          env,
        })
        let out = ''
        child.stdout.on('data', (text) => (out += text))
        child.stderr.on('data', (text) => (out += text))
        child.on('error', reject).on('close', () => resolve(out))
      }),
    close,
  }
}

function readPid(file: string): number[] {
  try {
    return [Number(readFileSync(file, 'utf8'))]
  } catch {
    return []
  }
}

async function end(pid: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    try {
      process.kill(pid, i < 60 ? (i === 0 ? 'SIGTERM' : 0) : 'SIGKILL')
    } catch {
      return
    }
    await sleep(50)
  }
}
