/** The surface of `weft switch`: names, options, help. Neighbours: ../weft.ts, switch.ts (what it does, loaded when called). */
import { type Command, Option } from 'commander'
import type { Perform } from './rest-options.ts'
import type { SwitchSettings } from './switch.ts'

const RUNDIR = '/var/run/openvswitch'

/** Adds `switch` to the command line. @param perform runs one command to its end */
export function addSwitch(weft: Command, perform: Perform): void {
  weft
    .command('switch')
    .description(
      'run a switch that ovs-vsctl, ovs-ofctl and OpenFlow 1.3 controllers drive; no root',
    )
    .addOption(
      new Option(
        '--rundir <folder>',
        'where db.sock and BRIDGE.mgmt appear, for ovs-vsctl and ovs-ofctl',
      )
        .env('OVS_RUNDIR')
        .default(RUNDIR),
    )
    .option('--db <file>', 'keep the database here, so that bridges are back after a restart')
    .option('--system-id <id>', 'external_ids:system-id (default: the name of this machine)')
    .addOption(
      new Option(
        '--remote <target...>',
        'also serve the database there: ptcp:, pssl:, punix:, tcp:, ssl:, unix:',
      ).default([], 'none'),
    )
    .option(
      '--underlay <where>',
      'what carries VXLAN: udp[:ADDRESS,…] or packet:DEVICE,ADDRESS/PREFIX,…',
    )
    .option(
      '--tls-key <file>',
      'private key for ssl: and pssl:, until ovs-vsctl set-ssl names others (PEM)',
    )
    .option('--tls-cert <file>', 'its certificate')
    .option('--tls-ca <file>', 'the CA that has signed the certificates of the others')
    .addHelpText(
      'after',
      `
Examples:
  $ weft switch --rundir ./run                then: export OVS_RUNDIR=$PWD/run; ovs-vsctl add-br br0
  $ weft switch --rundir ./run --db ./conf.db the same bridges after a restart
  $ weft switch --rundir ./run --remote ptcp:6640:127.0.0.1
                                              ovs-vsctl --db=tcp:127.0.0.1:6640 show
  $ weft switch --rundir ./run --underlay udp:192.0.2.11
                                              VXLAN ports send from a UDP socket of this machine (no root):
                                              ovs-vsctl add-port br0 vx0 -- set Interface vx0 type=vxlan
                                                options:remote_ip=192.0.2.12 options:key=7
  $ weft switch --underlay packet:eth1,192.0.2.11/24,via=192.0.2.1,mtu=9050
                                              VXLAN ports have a VTEP of their own on eth1 (root)
A port for a program, each frame behind two bytes of length:
  $ ovs-vsctl add-port br0 p1 -- set Interface p1 type=stream options:pstream=punix:$PWD/run/p1.sock`,
    )
    .action((settings: Omit<SwitchSettings, 'signal'>) =>
      perform(async (signal) => {
        const { runSwitch } = await import('./switch.ts')
        return runSwitch({ ...settings, signal })
      }),
    )
}
