/**
 * Open vSwitch's emulator of a hardware switch (`ovs-vtep`) as a host of kind vtep: beside the daemons of an Open vSwitch whose
 * bridge is the physical switch. It knows nothing of Weft: no ifalias, no filters; its ports are bound by declaration.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type HostOptions, managerOf, type NetnsHost } from './host.ts'
import { within } from './namespace.ts'
import { ovsHost } from './ovs-host.ts'
import type { HostPlan } from './plan.ts'
import { run } from './run.ts'
import { service } from './service.ts'
import { addressOf, type VtepHost } from './vtep-host.ts'

const EMULATOR = '/usr/share/openvswitch/scripts/ovs-vtep'
const SCHEMA = '/usr/share/openvswitch/vtep.ovsschema'

/** A host by its plan; nothing is started yet. */
export function emulator(plan: HostPlan, options: HostOptions): VtepHost {
  const { runDirectory, site } = options
  const name = plan.systemId
  const directory = join(runDirectory, plan.id)
  const rundir = join(runDirectory, `${plan.id}-vtep`)
  const running = service(plan.namespace, join(runDirectory, `${plan.id}-vtep.log`))
  const host: NetnsHost & Pick<ReturnType<typeof ovsHost>, 'vsctl'> = ovsHost(plan, options)
  const guests = site.workloads.filter(({ hostId }) => hostId === plan.id)
  const devices = guests.map(({ device }) => device)
  const vtepctl: VtepHost['vtepctl'] = async (args, runOptions) => {
    const argv = ['vtep-ctl', `--db=unix:${join(directory, 'db.sock')}`, '--timeout=20', ...args]
    return (await run(within(plan.namespace, argv), runOptions)).stdout.trimEnd()
  }
  return {
    ...host,
    get pid() {
      return running.pid
    },
    vtepctl,
    log: running.log,
    async start({ emptyDatabase, signal }) {
      await host.start({ emptyDatabase, signal })
      mkdirSync(rundir, { recursive: true })
      // The script and its tools find everything below one run directory: one server with both databases.
      const server = ['ovs-appctl', '-t', join(directory, 'ovsdb-server.ctl')]
      const database = join(rundir, 'vtep.db')
      await run(['rm', '-f', database])
      await run(['ovsdb-tool', 'create', database, SCHEMA])
      await host.exec([...server, 'ovsdb-server/add-db', database])
      await host.exec([...server, 'ovsdb-server/add-remote', 'db:hardware_vtep,Global,managers'])
      await host.vsctl(['add-br', name, '--', 'set', 'Bridge', name, 'datapath_type=netdev'])
      for (const device of devices) await host.vsctl(['add-port', name, device])
      const tunnel = `tunnel_ips=${addressOf(plan)}`
      await vtepctl(['add-ps', name, '--', 'set', 'Physical_Switch', name, tunnel])
      for (const device of devices) await vtepctl(['add-port', name, device])
      const env = { OVS_RUNDIR: directory, OVS_DBDIR: rundir, OVS_LOGDIR: rundir }
      const argv = ['/usr/bin/python3', EMULATOR, name, '-vconsole:info']
      await running.start(argv, { ready: '', env, signal })
    },
    async boot({ signal } = {}) {
      await vtepctl(['set-manager', managerOf(options)], { signal })
      await Promise.all(guests.map(options.declare))
    },
    async kill() {
      await running.kill()
      await host.kill()
    },
    remove: () => Promise.resolve(),
  }
}
