/** The surface of `weft get`, `describe`, `delete` and `watch`. Neighbours: ../weft.ts, get.ts and its siblings (what they do, loaded when called). */
import { Argument, type Command, InvalidArgumentError } from 'commander'
import { hint } from '../../controller/model/suggest.ts'
import { collectionNamed, collectionNames } from '../collection-names.ts'
import type { DeleteOptions } from './delete.ts'
import type { DescribeOptions } from './describe.ts'
import type { GetOptions } from './get.ts'
import {
  outputOption,
  type Perform,
  restHelp,
  tenantOption,
  waitOption,
  withController,
} from './rest-options.ts'
import type { WatchOptions } from './watch.ts'

const collection = (): Argument =>
  new Argument('<collection>', 'what kind of object')
    .choices(collectionNames)
    .argParser((text: string) => {
      const name = collectionNamed(text)
      if (name !== undefined) return name
      throw new InvalidArgumentError(`There is no such collection; ${hint(text, collectionNames)}`)
    })

const ofTenant = () =>
  tenantOption('the tenant that it is of; left out, all that the token may see')

/** Adds the commands about objects. @param perform runs one command to its end */
export function addObjects(weft: Command, perform: Perform): void {
  withController(
    weft
      .command('get')
      .description('list what there is, with what is true of it on hosts')
      .addArgument(collection())
      .argument('[id]', "one object: 'vm1' with --tenant, or 'acme/vm1'")
      .addOption(ofTenant())
      .option('-l, --labels <selector>', "those whose labels fit: 'app=web,tier!=db,zone,!old'")
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft get ports                              of every tenant that the token may see',
        'weft get ports --tenant acme -l app=web',
        'weft get host h1 -o yaml',
        "weft get ports --tenant acme -o json | jq -r '.[] | select(.status.realized | not).id'",
      ]),
    )
    .action((of: string, id: string | undefined, options: GetOptions) =>
      perform(async (signal) => {
        const { get } = await import('./get.ts')
        return get({ ...options, of, id, signal })
      }),
    )

  withController(
    weft
      .command('describe')
      .description(
        'print all of one object: what was asked for, and what hosts, counters and the underlay say',
      )
      .addArgument(collection())
      .argument('<id>', "'vm1' with --tenant, or 'acme/vm1'")
      .addOption(tenantOption('the tenant that it is of'))
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft describe port acme/vm1                 with its counters and the last frame that was dropped',
        'weft describe host h1                       with what it dropped, and why',
      ]),
    )
    .action((of: string, id: string, options: DescribeOptions) =>
      perform(async (signal) => {
        const { describe } = await import('./describe.ts')
        return describe({ ...options, of, id, signal })
      }),
    )

  withController(
    weft
      .command('delete')
      .description('delete one object; on a terminal it asks first')
      .addArgument(collection())
      .argument('<id>', "'vm1' with --tenant, or 'acme/vm1'")
      .addOption(tenantOption('the tenant that it is of'))
      .option('--cascade', 'delete what refers to it too, which is shown before', false)
      .option('-y, --yes', 'do not ask', false)
      .addOption(waitOption())
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft delete port acme/vm1',
        'weft delete tenant acme --cascade           shows all that goes along, and asks',
        'weft delete network web --tenant acme --yes --wait 30s',
      ]),
    )
    .action((of: string, id: string, options: DeleteOptions) =>
      perform(async (signal) => {
        const { remove } = await import('./delete.ts')
        return remove({ ...options, of, id, signal })
      }),
    )

  withController(
    weft
      .command('watch')
      .description('say how one object becomes real on hosts, until it is')
      .addArgument(collection())
      .argument('<id>', "'vm1' with --tenant, or 'acme/vm1'")
      .addOption(tenantOption('the tenant that it is of'))
      .option('--timeout <time>', 'give up after so long, with exit code 3', '60s'),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft watch port acme/vm1                    ends when every host that it concerns has confirmed it',
        'weft watch host h1 --timeout 10m && echo h1 is there',
      ]),
    )
    .action((of: string, id: string, options: WatchOptions) =>
      perform(async (signal) => {
        const { watch } = await import('./watch.ts')
        return watch({ ...options, of, id, signal })
      }),
    )
}
