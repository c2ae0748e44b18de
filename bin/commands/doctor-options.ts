/** The surface of `weft doctor`. Neighbours: ../weft.ts, doctor.ts (what it does, loaded when called), ../doctor/ (the checks). */
import { type Command, Option } from 'commander'
import type { DoctorOptions } from './doctor.ts'
import { outputOption, type Perform, withController } from './rest-options.ts'

/** Adds `doctor` to the command line. @param perform runs one command to its end */
export function addDoctor(weft: Command, perform: Perform): void {
  withController(
    weft
      .command('doctor')
      .description('go through the checks of a troubleshooting guide, and say what to do')
      .argument('[hosts...]', 'of a site: these hosts (default: all)')
      .option(
        '--host',
        'look at this machine, a hypervisor, instead of a site; root sees most',
        false,
      )
      .addOption(
        new Option('--kind <kind>', 'with --host: what this machine is')
          .choices(['ovs', 'vtep'])
          .default('ovs'),
      )
      .option('--vtep <address>', 'with --host: its VTEP address (default: as it is configured)')
      .addOption(
        new Option('--rundir <directory>', 'with --host: where Open vSwitch has its sockets')
          .env('OVS_RUNDIR')
          .default('/var/run/openvswitch'),
      )
      .option('--store <file>', 'look at the file of a store, while no controller runs on it')
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      `
Examples:
  $ weft doctor                               the whole site, as its controller sees it
  $ weft doctor h1 h2
  $ weft doctor --host                        on a hypervisor; with --controller its clock is compared
  $ weft doctor --host --kind vtep            on a host of weft agent
  $ weft doctor --store /var/lib/weft/site.db after a crash: whole, or what can be trusted
  $ weft doctor -o json | jq -r '.[] | select(.verdict == "bad").todo'

Exit codes:
  0  nothing is bad; there may be warnings
  1  something is bad
  2  not what this command takes
  130  interrupted`,
    )
    .action((hosts: string[], options: Omit<DoctorOptions, 'hosts' | 'signal'>, command: Command) =>
      perform(async (signal) => {
        const { doctor } = await import('./doctor.ts')
        const isControllerGiven = command.getOptionValueSource('controller') !== 'default'
        return doctor({ ...options, hosts, isControllerGiven, signal })
      }),
    )
}
