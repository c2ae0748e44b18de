/** The surface of `weft plan`, `weft apply` and `weft export`. Neighbours: ../weft.ts, apply.ts and export.ts (what they do, loaded when called). */
import type { Command } from 'commander'
import type { ApplyOptions } from './apply.ts'
import type { ExportOptions } from './export.ts'
import {
  outputOption,
  type Perform,
  restHelp,
  tenantOption,
  waitOption,
  withController,
} from './rest-options.ts'

/** Adds the commands about whole documents. @param perform runs one command to its end */
export function addDocuments(weft: Command, perform: Perform): void {
  const run = (mode: ApplyOptions['mode']) => (options: Omit<ApplyOptions, 'mode' | 'signal'>) =>
    perform(async (signal) => {
      const { applyDocument } = await import('./apply.ts')
      return applyDocument({ ...options, mode, signal })
    })
  const about = (command: Command): Command =>
    withController(
      command
        .requiredOption('-f, --file <file>', 'the document, YAML or JSON; - is standard input')
        .addOption(tenantOption('no more than this tenant, as its own token may'))
        .option('--prune', 'delete what the document does not have; tokens stay', false)
        .addOption(outputOption()),
    )

  about(weft.command('plan').description('say what a document would change, and change nothing'))
    .addHelpText(
      'after',
      restHelp([
        'weft plan -f site.yaml                      what comes (+), changes (~) and goes (-), and on which host',
        'weft plan -f site.yaml --prune              the same, and what the document does not have goes',
        'weft plan -f acme.yaml --tenant acme        as the tenant',
        "weft plan -f site.yaml -o json | jq '.changes | length'",
      ]),
    )
    .action(run('plan'))

  about(
    weft
      .command('apply')
      .description('make the site, or a tenant, what a document says: all of it or nothing'),
  )
    .option(
      '--plan-id <id>',
      'exactly what `weft plan` has shown, refused when it would do anything else by now',
    )
    .addOption(waitOption())
    .addHelpText(
      'after',
      restHelp([
        'weft apply -f site.yaml                     a second time it changes nothing, and says so',
        'weft apply -f site.yaml --wait 30s          and ends when every host has confirmed it',
        'weft apply -f site.yaml --prune --plan-id … what `weft plan` said, or nothing',
        'weft export | sed s/1450/1400/ | weft apply -f -',
      ]),
    )
    .action(run('apply'))

  withController(
    weft
      .command('export')
      .description('print the site, or a tenant, as the document that makes it again')
      .addOption(tenantOption('no more than this tenant'))
      .addOption(outputOption('yaml', 'json')),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft export > site.yaml                     all but tokens, which no document has',
        'weft export --tenant acme -o json',
      ]),
    )
    .action((options: Omit<ExportOptions, 'signal'>) =>
      perform(async (signal) => {
        const { exportDocument } = await import('./export.ts')
        return exportDocument({ ...options, signal })
      }),
    )
}
