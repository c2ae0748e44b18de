/** The surface of `weft events`. Neighbours: ../weft.ts, events.ts (what it does, loaded when called). */
import type { Command } from 'commander'
import type { EventsOptions } from './events.ts'
import {
  outputOption,
  type Perform,
  restHelp,
  tenantOption,
  withController,
} from './rest-options.ts'

/** Adds `events` to the command line. @param perform runs one command to its end */
export function addEvents(weft: Command, perform: Perform): void {
  withController(
    weft
      .command('events')
      .description('print what happened: drift, hosts that came and went, refusals, dropped frames')
      .option(
        '-f, --follow',
        'go on with what happens, until Ctrl-C; lost connections are taken up again',
        false,
      )
      .option(
        '--since <id|time>',
        'after the event of this id, or as long ago as 10m (default: all that is kept)',
      )
      .addOption(tenantOption('what happened to the objects of this tenant'))
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft events --since 10m',
        'weft events --follow                        the last ten, then as they happen',
        'weft events -f -o json | jq -r \'select(.type == "drift").message\'      one event a line',
      ]),
    )
    .action((options: Omit<EventsOptions, 'signal'>) =>
      perform(async (signal) => {
        const { events } = await import('./events.ts')
        return events({ ...options, signal })
      }),
    )
}
