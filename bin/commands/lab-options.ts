/**
 * The surface of `weft lab` and what is below it. Neighbours: ../weft.ts, lab-run-options.ts (labs that run by themselves); lab.ts and
 * lab-draw.ts (what they do, loaded when called).
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type SiteSize, sizes } from '../../topologies/site-size.ts'
import type { LabOptions } from './lab.ts'
import { addLabRuns, backendOption, tlsOption, topologyFile } from './lab-run-options.ts'
import type { Perform } from './rest-options.ts'

const local = ['memory', 'netns'] as const
type Local = (typeof local)[number]
type LabArguments = Omit<LabOptions, 'backend' | 'signal'> & { backend: Local; lab?: Local }

/** Adds `lab`. @param perform runs one command to its end */
export function addLab(weft: Command, perform: Perform): void {
  const lab = weft
    .command('lab')
    .description('bring up a topology, prove on real packets what it promises, serve until Ctrl-C')
    .argument(...topologyFile)
    // The commands below have options of the same names.
    .enablePositionalOptions()
    .addOption(backendOption(local).default('memory'))
    .addOption(new Option('--lab <backend>', 'as it was called once').choices(local).hideHelp())
    .option(...tlsOption)
    .option('--check', 'end after the table: exit code 0 when every row holds, else 1', false)
    .addHelpText(
      'after',
      `
Examples:
  $ weft lab
  $ weft lab --check topologies/two-tenants.yaml
  $ weft lab --backend netns
  $ weft lab --tls                            keys and certificates of its own, gone when the lab is
  $ weft lab draw topologies/vlan-trunk.yaml > vlan-trunk.svg
  $ weft lab generate --hosts 50 --tenants 20 > site.yaml`,
    )
    .action((document: string | undefined, { lab: old, ...options }: LabArguments) =>
      perform(async (signal) => {
        const run = await import('./lab.ts')
        return run.lab(document, { ...options, ...(old && { backend: old }), signal })
      }),
    )
  addLabRuns(lab, perform)
  addDraw(lab, perform)
  addGenerate(lab, perform)
  lab
    .command('schema')
    .description('print the JSON Schema of topology documents, which editors complete by')
    .addHelpText(
      'after',
      `
A document names it in its first line:
  # yaml-language-server: $schema=schema.json

Examples:
  $ weft lab schema > schema.json`,
    )
    .action(() =>
      perform(async () => {
        const { publishedSchema } = await import('../../controller/model/document-schema.ts')
        process.stdout.write(`${JSON.stringify(publishedSchema, undefined, 2)}\n`)
        return 0
      }),
    )
}

function addDraw(lab: Command, perform: Perform): void {
  lab
    .command('draw')
    .description(
      'print a picture of a topology (SVG): its hosts, networks and guests, and what connects them',
    )
    .argument(...topologyFile)
    .addHelpText(
      'after',
      `
Examples:
  $ weft lab draw > two-tenants.svg
  $ weft export | weft lab draw - > site.svg          the site as it is`,
    )
    .action((document: string | undefined) =>
      perform(async () => {
        const { draw } = await import('./lab-draw.ts')
        return draw(document)
      }),
    )
}

function addGenerate(lab: Command, perform: Perform): void {
  const size = (name: keyof SiteSize, flag: string, says: string, standard: number): Option => {
    const [least, most] = sizes[name]
    return new Option(`--${flag} <number>`, `${says}, ${least} to ${most}`)
      .default(standard)
      .argParser((text: string) => {
        const value = Number(text)
        if (/^\d+$/.test(text) && value >= least && value <= most) return value
        throw new InvalidArgumentError(`It would be a whole number from ${least} to ${most}.`)
      })
  }
  lab
    .command('generate')
    .description('print a topology document of any size; the same options give the same bytes')
    .addOption(size('hosts', 'hosts', 'how many hosts', 3))
    .addOption(size('tenants', 'tenants', 'how many tenants', 2))
    .addOption(size('networks', 'networks', 'of each tenant', 1))
    .addOption(size('ports', 'ports', 'of each network, each with a guest', 10))
    .addOption(size('spread', 'spread', 'hosts that a network is spread over', 20))
    .addOption(size('mtuBytes', 'mtu-bytes', 'MTU of networks', 1500))
    .addOption(size('seed', 'seed', 'what lies where', 1))
    .addHelpText(
      'after',
      `
Examples:
  $ weft lab generate --hosts 50 --tenants 20 > site.yaml && weft lab --check site.yaml`,
    )
    .action((asked: SiteSize) =>
      perform(async () => {
        const { generateDocument } = await import('../../topologies/generate.ts')
        process.stdout.write(generateDocument(asked))
        return 0
      }),
    )
}
