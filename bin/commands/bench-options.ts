/** The surface of `weft bench`. Neighbours: ../weft.ts, bench.ts (what it does, loaded when called). */
import { Argument, type Command, InvalidArgumentError } from 'commander'
import { type BenchArguments, benches } from './bench-arguments.ts'
import { outputOption, type Perform, restHelp, withController } from './rest-options.ts'

function count(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 100_000) return value
  throw new InvalidArgumentError('It would be a number from 1 to 100000.')
}

const collect = (host: string, before: readonly string[]): string[] => [...before, host]

/** Adds `bench` to the command line. @param perform runs one command to its end */
export function addBench(weft: Command, perform: Perform): void {
  withController(
    weft
      .command('bench')
      .description('measure a running controller as its clients see it: answers, writes, hosts')
      .addArgument(
        new Argument('[what]', 'read changes nothing; write works in a tenant that it makes')
          .choices(benches)
          .default('read'),
      )
      .option('--requests <count>', 'of each kind, one after the other', count, 100)
      .option(
        '--host <id>',
        'of write: a host that gets a port and confirms it, each time; may be given again',
        collect,
        [],
      )
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft bench                                   how long reads take, by the tenants that the token sees',
        'weft bench write --requests 1000             how long until a write is durable (operators)',
        'weft bench write --host h1 --host h2         and how long until these hosts have it',
      ]),
    )
    .addHelpText(
      'after',
      `
Each request is a connection of its own, as of every command. 'write' makes the tenant weft-bench-… with a network, and
deletes it at the end, also when it is interrupted; with --host its ports are on an ofport that nothing has.`,
    )
    .action((what: BenchArguments['what'], options: Omit<BenchArguments, 'what' | 'signal'>) =>
      perform(async (signal) => {
        const { bench } = await import('./bench.ts')
        return bench({ ...options, what, signal })
      }),
    )
}
