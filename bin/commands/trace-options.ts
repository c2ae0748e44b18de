/** The surface of `weft trace`. Neighbours: ../weft.ts, trace.ts (what it does, loaded when called). */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { outputOption, type Perform, restHelp, withController } from './rest-options.ts'
import type { TraceOptions } from './trace.ts'

const number =
  (least: number) =>
  (text: string): number => {
    if (/^\d{1,5}$/.test(text) && Number(text) >= least && Number(text) <= 65_535)
      return Number(text)
    throw new InvalidArgumentError(`It would be a whole number from ${least} to 65535.`)
  }

/** Adds `trace`. @param perform runs one command to its end */
export function addTrace(weft: Command, perform: Perform): void {
  withController(
    weft
      .command('trace')
      .description(
        'walk a packet from one port to another: which flow of which host takes it, and why not',
      )
      .argument('<from>', "the port that sends: 'acme/vm1'")
      .argument('<to>', "the port that it is for: 'acme/vm2'")
      .addOption(new Option('--tcp <port>', 'a TCP segment to this port').argParser(number(1)))
      .addOption(
        new Option('--udp <port>', 'a UDP datagram to this port')
          .argParser(number(1))
          .conflicts('tcp'),
      )
      .addOption(
        new Option(
          '--bytes <number>',
          'length of the IP packet; left out, as short as it can be',
        ).argParser(number(42)),
      )
      .option('-6, --ipv6', 'IPv6; left out, IPv4 where both have it', false)
      .option('--send', 'send it for real, too, and say what the hosts counted', false)
      .addOption(outputOption()),
  )
    .addHelpText(
      'after',
      restHelp([
        'weft trace acme/vm1 acme/vm2                ICMP, through the flows that hosts should have',
        'weft trace acme/vm1 acme/vm2 --tcp 443 --send',
        'weft trace acme/vm1 acme/vm2 --udp 53 --bytes 9000',
      ]).replace('  1  refused', '  1  it does not arrive; or refused'),
    )
    .action((from: string, to: string, options: TraceOptions) =>
      perform(async (signal) => {
        const { trace } = await import('./trace.ts')
        return trace({ ...options, from, to, signal })
      }),
    )
}
