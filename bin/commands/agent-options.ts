/** The surface of `weft agent`: names, options, help. Neighbours: ../weft.ts, agent.ts (what it does, loaded when called). */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { AgentSettings } from './agent.ts'
import type { Perform } from './rest-options.ts'

function seconds(text: string): number {
  const value = Number(text)
  if (!(value >= 0.1 && value <= 3600)) throw new InvalidArgumentError('It would be 0.1 to 3600.')
  return value
}

/** Adds `agent` to the command line. @param perform runs one command to its end */
export function addAgent(weft: Command, perform: Perform): void {
  weft
    .command('agent')
    .description(
      'make this Linux host a VTEP of kernel bridges, driven by hardware_vtep rows (root)',
    )
    .option('--name <name>', 'of its Physical_Switch (default: the name of this machine)')
    .option('--tunnel-ip <address>', 'address of its VTEP (default: what the row says)')
    .option('--rundir <folder>', 'where vtep.sock and the database appear', '/var/run/weft')
    .option('--db <file>', 'keep the database here (default: vtep.db in the rundir)')
    .addOption(
      new Option(
        '--remote <target...>',
        'also serve the database there: ptcp:, pssl:, punix:, tcp:, ssl:, unix:',
      ).default([], 'none'),
    )
    .addOption(
      new Option('--audit <seconds>', 'read the kernel at least so often')
        .argParser(seconds)
        .default(5),
    )
    .option('--remove', 'remove all that agents have made on this host, and end', false)
    .option('--tls-key <file>', 'private key for ssl: and pssl: (PEM)')
    .option('--tls-cert <file>', 'its certificate')
    .option('--tls-ca <file>', 'the CA that has signed the certificates of the others')
    .addHelpText(
      'after',
      `
Examples:
  $ weft agent --tunnel-ip 192.0.2.11         then: vtep-ctl --db=unix:/var/run/weft/vtep.sock show
  $ weft agent --remote tcp:198.51.100.1:6640 dial a controller
  $ weft agent --remove                       networks, bridges and filters of Weft go, all else stays`,
    )
    .action((settings: Omit<AgentSettings, 'signal'>) =>
      perform(async (signal) => {
        const { runAgent } = await import('./agent.ts')
        return runAgent({ ...settings, signal })
      }),
    )
}
