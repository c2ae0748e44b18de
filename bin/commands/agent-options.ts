/** The surface of `weft agent`: names, options, help. Neighbours: ../weft.ts, agent.ts (what it does, loaded when called). */
import { type Command, InvalidArgumentError, type Option } from 'commander'
import { setting, withSettings } from '../config/settings.ts'
import type { AgentSettings } from './agent.ts'
import { logOption } from './log-option.ts'
import type { Perform } from './rest-options.ts'

function seconds(text: string): number {
  const value = Number(text)
  if (!(value >= 0.1 && value <= 3600)) throw new InvalidArgumentError('It would be 0.1 to 3600.')
  return value
}

const rows: readonly Option[] = [
  setting('--name <name>', 'of its Physical_Switch (default: the name of this machine)'),
  setting('--tunnel-ip <address>', 'address of its VTEP (default: what the row says)'),
  setting('--rundir <folder>', 'where vtep.sock and the database appear').default('/var/run/weft'),
  setting('--db <file>', 'keep the database here (default: vtep.db in the rundir)'),
  setting(
    '--remote <target...>',
    'also serve the database there: ptcp:, pssl:, punix:, tcp:, ssl:, unix:',
  ).default([], 'none'),
  setting('--audit <seconds>', 'read the kernel at least so often').argParser(seconds).default(5),
  setting('--tls-key <file>', 'private key for ssl: and pssl: (PEM)'),
  setting('--tls-cert <file>', 'its certificate'),
  setting('--tls-ca <file>', 'the CA that has signed the certificates of the others'),
  logOption(),
]

/** Adds `agent` to the command line. @param perform runs one command to its end */
export function addAgent(weft: Command, perform: Perform): void {
  const agent = weft
    .command('agent')
    .description(
      'make this Linux host a VTEP of kernel bridges, driven by hardware_vtep rows (root)',
    )
  for (const row of rows) agent.addOption(row)
  withSettings(agent)
    .option('--remove', 'remove all that agents have made on this host, and end', false)
    .addHelpText(
      'after',
      `
Examples:
  $ weft agent --tunnel-ip 192.0.2.11         then: vtep-ctl --db=unix:/var/run/weft/vtep.sock show
  $ weft agent --remote tcp:198.51.100.1:6640 dial a controller
  $ weft agent --remove                       networks, bridges and filters of Weft go, all else stays`,
    )
    .action((_: unknown, command: Command) =>
      perform(async (signal) => {
        const { configured } = await import('../config/configured.ts')
        const settings = configured<Omit<AgentSettings, 'signal'>>(command)
        if (settings === undefined) return 0
        const { runAgent } = await import('./agent.ts')
        return runAgent({ ...settings, signal })
      }),
    )
}
