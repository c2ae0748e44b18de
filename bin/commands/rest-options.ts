/** What all commands that ask a controller have in common: options, environment, exit codes. Neighbours: ../weft.ts, session.ts. */
import { type Command, InvalidArgumentError, Option } from 'commander'

export type Perform = (command: (signal: AbortSignal) => Promise<number>) => Promise<void>

export interface RestArguments {
  /** A URL, or `unix:PATH`. */
  readonly controller: string
  readonly tokenFile?: string
  readonly ca?: string
}

export const outputs = ['table', 'json', 'yaml'] as const
export type OutputFormat = (typeof outputs)[number]

/** As `serve --rest` takes it, or a URL. */
function controller(text: string): string {
  if (/^(https?:\/\/[^/]|unix:.)/.test(text)) return text.replace(/\/+$/, '')
  if (/^[^/]+:\d+$/.test(text)) return `http://${text}`
  throw new InvalidArgumentError('It would be http://ADDRESS:PORT or unix:PATH.')
}

/** Where the controller is, and who asks. */
export function withController(command: Command): Command {
  return command
    .addOption(
      new Option('--controller <url>', "the controller's REST: a URL, ADDRESS:PORT or unix:PATH")
        .argParser(controller)
        .env('WEFT_CONTROLLER')
        .default('http://127.0.0.1:8080'),
    )
    .option('--token-file <file>', 'file with the secret of a token (else: WEFT_TOKEN, the secret)')
    .option('--ca <file>', 'certificates (PEM) that an https controller must come from')
}

export const tenantOption = (says: string): Option => new Option('--tenant <tenant>', says)

export const outputOption = (...formats: readonly OutputFormat[]): Option => {
  const choices = formats.length > 0 ? formats : outputs
  const says = choices.includes('table')
    ? `table for people, ${choices.filter((each) => each !== 'table').join(' or ')} for programs`
    : 'how it is written'
  return new Option('-o, --output <format>', says).choices(choices).default(choices[0])
}

/** Seconds that a write may wait; more the API does not take. */
export const LONGEST_WAIT_MS = 60_000

export const waitOption = (): Option =>
  new Option('--wait [time]', 'end when hosts have confirmed it, after 10s at the latest').preset(
    '10s',
  )

/** The end of a command's help. */
export const restHelp = (examples: readonly string[]): string => `
Examples:
${examples.map((line) => `  $ ${line}`).join('\n')}

${exitCodes}`

export const exitCodes = `Exit codes:
  0  done
  1  refused or failed, with the reason on stderr
  2  not what this command takes
  3  done, and not realized within the wait
  130  interrupted`
