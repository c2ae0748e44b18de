/** The surface of `weft host`. Neighbours: ../weft.ts, host-list.ts and its siblings (what they do, loaded when called). */
import type { Command } from 'commander'
import type { AdoptOptions } from './host-adopt.ts'
import type { ApproveOptions } from './host-approve.ts'
import type { DrainOptions } from './host-drain.ts'
import type { HostListOptions } from './host-list.ts'
import type { HostRemoveOptions } from './host-remove.ts'
import { outputOption, type Perform, restHelp, waitOption, withController } from './rest-options.ts'

/** Adds `host` to the command line. @param perform runs one command to its end */
export function addHost(weft: Command, perform: Perform): void {
  const examples = [
    'weft host list                               who is there, who is away, who waits to be let in',
    'weft host approve 4c4c4544-0051 --id h3      what it says of itself becomes the host object',
    'weft host drain h1 --wait 10m                ends when nothing runs there any longer',
    'weft host remove h1                          ends when the machine is as Weft found it',
  ]
  const host = weft
    .command('host')
    .description('the life of hosts: let them in, empty them, give them back')
    .addHelpText('after', restHelp(examples))

  withController(
    host
      .command('list')
      .description(
        'list hosts of the site, those that wait to be let in, and those on their way out',
      )
      .addOption(outputOption()),
  )
    .addHelpText('after', restHelp(['weft host list', "weft host list -o json | jq '.[].phase'"]))
    .action((options: Omit<HostListOptions, 'signal'>) =>
      perform(async (signal) => {
        const { listHosts } = await import('./host-list.ts')
        return listHosts({ ...options, signal })
      }),
    )

  withController(
    host
      .command('approve')
      .description(
        'make a host object of a machine that has dialled in, from what it says of itself',
      )
      .argument('<system-id>', 'what it calls itself, as `weft host list` shows it')
      .option('--id <id>', 'how the site shall call it; left out, its system-id')
      .option('--vtep-address <address>', 'the address of its tunnels, where it says another one')
      .option('--underlay-mtu <bytes>', 'the MTU of the NIC that carries them')
      .option('--pin', 'take the certificate that it shows now, and no other', false)
      .addOption(waitOption())
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft host approve h3 --wait                    prints where each value was read',
        'weft host approve 4c4c4544-0051 --id h3 --vtep-address 192.0.2.13',
      ]),
    )
    .action((systemId: string, options: Omit<ApproveOptions, 'signal' | 'systemId'>) =>
      perform(async (signal) => {
        const { approve } = await import('./host-approve.ts')
        return approve({ ...options, systemId, signal })
      }),
    )

  for (const [name, description, example] of [
    [
      'drain',
      'say that workloads shall leave a host, and list what still runs there',
      ' --wait 10m',
    ],
    ['undrain', 'take a host back into service', ''],
  ] as const) {
    const command = host.command(name).description(description).argument('<host>', 'its id')
    if (name === 'drain')
      command.option('--wait <time>', 'end when it is empty, with exit code 3 after so long')
    withController(command.addOption(outputOption()))
      .addHelpText('after', restHelp([`weft host ${name} h1${example}`]))
      .action((id: string, options: Omit<DrainOptions, 'signal' | 'id' | 'draining'>) =>
        perform(async (signal) => {
          const { drain } = await import('./host-drain.ts')
          return drain({ ...options, id, draining: name === 'drain', signal })
        }),
      )
  }

  withController(
    host
      .command('adopt')
      .description(
        'take over a br-int that somebody else has filled; what would go is shown before',
      )
      .argument('<host>', 'its id')
      .option('-y, --yes', 'do not ask; off a terminal nothing is done without', false)
      .addOption(waitOption())
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft host adopt h1                             shows the plan, and asks',
        'weft host adopt h1 -o json < /dev/null         the plan alone, all of it',
        'weft host adopt h1 --yes --wait 30s',
      ]),
    )
    .action((id: string, options: Omit<AdoptOptions, 'signal' | 'id'>) =>
      perform(async (signal) => {
        const { adopt } = await import('./host-adopt.ts')
        return adopt({ ...options, id, signal })
      }),
    )

  withController(
    host
      .command('remove')
      .description('delete a host from the site, and wait until the machine is as Weft found it')
      .argument('<host>', 'its id')
      .option('--cascade', 'delete what refers to it too, which is shown before', false)
      .option('-y, --yes', 'do not ask', false)
      .option('--wait <time>', 'how long it may take; after that it goes on without us', '60s')
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft host remove h1                            exit code 3: it is away, and given back when it comes',
        'weft host remove h1 --cascade --yes --wait 5m  with its bridges and what is declared there',
      ]),
    )
    .action((id: string, options: Omit<HostRemoveOptions, 'signal' | 'id'>) =>
      perform(async (signal) => {
        const { removeHost } = await import('./host-remove.ts')
        return removeHost({ ...options, id, signal })
      }),
    )
}
