/**
 * A real Open vSwitch that dials a controller over TLS: daemons of its own in a temporary directory, the dummy datapath,
 * no root, no interfaces. What `ovs-vsctl set-ssl` and `set-manager` do is left to the test.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { CredentialFiles } from '../../../controller/tls/credentials.ts'

const run = promisify(execFile)
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'

export interface OvsHost {
  vsctl(...args: string[]): Promise<string>
  /** Ends a bridge's OpenFlow connection; it dials again. */
  reconnect(bridge: string): Promise<void>
  /** `ovs-ofctl -O OpenFlow13 --no-stats ARGS`. */
  ofctl(...args: string[]): Promise<string>
  setSsl(files: CredentialFiles): Promise<void>
  /** `ovs-vsctl set-manager`, so that it dials again within a second. */
  setManager(target: string): Promise<void>
  close(): Promise<void>
}

export async function startOvsHost(systemId: string): Promise<OvsHost> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-tls-ovs-'))
  const at = (name: string) => join(directory, name)
  const env = { ...process.env, OVS_RUNDIR: directory, OVS_LOGDIR: directory, OVS_DBDIR: directory }
  const daemon = (name: string, ...args: string[]) =>
    run(
      name,
      [
        ...args,
        ...[`--unixctl=${at(`${name}.ctl`)}`, `--pidfile=${at(`${name}.pid`)}`],
        ...[`--log-file=${at(`${name}.log`)}`, '--detach', '--no-chdir', '-vconsole:off'],
      ],
      { env },
    )
  const vsctl = async (...args: string[]) =>
    (await run('ovs-vsctl', [`--db=unix:${at('db.sock')}`, '--timeout=10', ...args], { env }))
      .stdout
  const close = async () => {
    await end(at('ovs-vswitchd.pid'))
    await end(at('ovsdb-server.pid'))
    rmSync(directory, { recursive: true, force: true })
  }
  const database = 'db:Open_vSwitch'
  try {
    await run('ovsdb-tool', ['create', at('conf.db'), SCHEMA], { env })
    await daemon(
      'ovsdb-server',
      ...[at('conf.db'), `--remote=punix:${at('db.sock')}`],
      `--remote=${database},Open_vSwitch,manager_options`,
      ...[`--private-key=${database},SSL,private_key`, `--certificate=${database},SSL,certificate`],
      `--ca-cert=${database},SSL,ca_cert`,
    )
    await vsctl('--no-wait', 'set', 'Open_vSwitch', '.', `external_ids:system-id=${systemId}`)
    const dummy = ['set', 'Open_vSwitch', '.', 'external_ids:weft-datapath-type=dummy']
    await vsctl('--no-wait', ...dummy)
    await daemon('ovs-vswitchd', `unix:${at('db.sock')}`, '--enable-dummy')
  } catch (error) {
    await close()
    throw error
  }
  return {
    vsctl,
    close,
    async reconnect(bridge) {
      const target = at('ovs-vswitchd.ctl')
      await run('ovs-appctl', ['-t', target, 'bridge/reconnect', bridge], { env })
    },
    ofctl: async (...args) =>
      (await run('ovs-ofctl', ['-O', 'OpenFlow13', '--no-stats', ...args], { env })).stdout,
    async setSsl({ key, cert, ca }) {
      await vsctl('set-ssl', key, cert, ca)
    },
    async setManager(target) {
      await vsctl('set-manager', target, '--', 'set', 'Manager', target, 'max_backoff=1000')
    },
  }
}

/** Kills the daemon that wrote this file; resolves when it is gone, or dead and not yet buried. */
async function end(pidFile: string): Promise<void> {
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8'))
  const isRunning = () =>
    existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
  if (isRunning()) process.kill(pid, 'SIGKILL')
  while (isRunning()) await delay(5)
}
