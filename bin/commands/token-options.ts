/** The surface of `weft token`. Neighbours: ../weft.ts, token.ts and get.ts (what they do, loaded when called). */
import { type Command, Option } from 'commander'
import type { DeleteOptions } from './delete.ts'
import type { GetOptions } from './get.ts'
import {
  outputOption,
  type Perform,
  restHelp,
  tenantOption,
  withController,
} from './rest-options.ts'
import type { TokenOptions } from './token.ts'

const roles = ['operator', 'admin', 'member', 'reader']
const ofTenant = (): Option => tenantOption('a token of this tenant; left out, of the site')

/** Adds `token` to the command line. @param perform runs one command to its end */
export function addToken(weft: Command, perform: Perform): void {
  const examples = [
    'weft token create ci --tenant acme --role member > ci.token      the secret, this once',
    'weft token create oncall --role reader --expires 30d             may look at all of the site',
    'weft token list --tenant acme',
    'weft token delete ci --tenant acme                               worth nothing from now on',
  ]
  const token = weft
    .command('token')
    .description('make and end tokens: who may touch the site, or one tenant')
    .addHelpText('after', restHelp(examples))

  withController(
    token
      .command('create')
      .description(
        'make a token and print its secret, which nobody keeps; the controller gets a hash',
      )
      .argument('<name>', "its id: 'ci' with --tenant, or 'acme/ci'")
      .addOption(
        new Option(
          '--role <role>',
          'of a tenant: admin, member or reader; of the site: operator or reader',
        )
          .choices(roles)
          .makeOptionMandatory(),
      )
      .addOption(ofTenant())
      .option('--expires <time>', 'worth nothing from then on: 30d, 12h or 2027-01-31T00:00:00Z')
      .option('--description <text>', 'what it is for')
      .addOption(outputOption()),
  )
    .addHelpText('after', restHelp(examples.slice(0, 2)))
    .action((name: string, options: TokenOptions) =>
      perform(async (signal) => {
        const { createToken } = await import('./token.ts')
        return createToken({ ...options, name, signal })
      }),
    )
  withController(
    token
      .command('list')
      .description('list tokens; nobody can list secrets')
      .addOption(ofTenant())
      .addOption(outputOption()),
  )
    .addHelpText('after', restHelp(['weft token list', 'weft token list --tenant acme -o json']))
    .action((options: Omit<GetOptions, 'of' | 'id' | 'signal'>) =>
      perform(async (signal) => {
        const { get } = await import('./get.ts')
        return get({ ...options, of: 'tokens', id: undefined, signal })
      }),
    )
  withController(
    token
      .command('delete')
      .description('end a token; on a terminal it asks first')
      .argument('<name>', "its id: 'ci' with --tenant, or 'acme/ci'")
      .addOption(ofTenant())
      .option('-y, --yes', 'do not ask', false)
      .addOption(outputOption()),
  )
    .addHelpText('after', restHelp(['weft token delete ci --tenant acme --yes']))
    .action((id: string, options: Omit<DeleteOptions, 'of' | 'id' | 'signal' | 'cascade'>) =>
      perform(async (signal) => {
        const { remove } = await import('./delete.ts')
        return remove({ ...options, of: 'tokens', id, cascade: false, signal })
      }),
    )
}
