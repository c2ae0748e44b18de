/** The surface of `weft flows`. Neighbours: ../weft.ts, flows.ts (what it does, loaded when called). */
import type { Command } from 'commander'
import type { FlowsOptions } from './flows.ts'
import { outputOption, type Perform, restHelp, withController } from './rest-options.ts'

/** Adds `flows` to the command line. @param perform runs one command to its end */
export function addFlows(weft: Command, perform: Perform): void {
  withController(
    weft
      .command('flows')
      .description(
        'print each flow, group and meter of a host beside what it is for, in the syntax of ovs-ofctl',
      )
      .argument('<host>', 'id of the host; of kind vtep it has rows')
      .option(
        '--table <stage>',
        "of one stage, by name or number: l2, 50, 'groups', 'meters'; of rows their table",
      )
      .option('--of <intent>', 'what one object asks for: port/acme/vm1, network/acme/web')
      .option(
        '--diff',
        'what the host lacks (+) and what it should not have (-); exit code 3 when there is any',
        false,
      )
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft flows h1                               what is no flow is a comment of ovs-ofctl',
        'weft flows h1 --table l2 --of port/acme/vm1',
        'weft flows h1 --diff',
        "weft flows h1 -o json | jq -r '.[] | select(.packets > 0).text'",
        'weft flows h1 --table classify | ovs-ofctl -O OpenFlow13 add-flows br0 -',
      ]),
    )
    .action((host: string, options: Omit<FlowsOptions, 'host' | 'signal'>) =>
      perform(async (signal) => {
        const { flows } = await import('./flows.ts')
        return flows({ ...options, host, signal })
      }),
    )
}
