/**
 * What may be said by option, by environment or in a file: options made here, which are the only table of them.
 *
 *   --jwt-issuer X    WEFT_JWT_ISSUER=X    jwtIssuer: X       an option wins over the environment, that over the
 *   --no-auth         WEFT_AUTH=false      auth: false        file, that over the default
 *   --remote A B      WEFT_REMOTE='A B'    remote: [A, B]
 *
 * Neighbours: config-file.ts reads the file, configured.ts puts all together, ../commands/*-options.ts have the rows.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'

export type Kind = 'text' | 'number' | 'flag' | 'list'

export interface Setting {
  /** In files, and as the command gets it: 'jwtIssuer'. */
  readonly key: string
  /** 'WEFT_JWT_ISSUER'. */
  readonly env: string
  readonly kind: Kind
  readonly option: Option
}

/** 'jwtIssuer' -> 'WEFT_JWT_ISSUER'. */
const envName = (key: string): string => `WEFT_${key.replace(/[A-Z]/g, '_$&').toUpperCase()}`

/** An option that is also read from the environment and from a file. */
export function setting(flags: string, says: string): Option {
  const option = new Option(flags, says)
  const env = envName(option.attributeName())
  const kind = kindOf(option)
  if (kind !== 'flag' && kind !== 'list') return option.env(env).argParser(filled)
  // Commander takes a flag's variable for the flag whatever it says (WEFT_AUTH=true would be --no-auth), and that of a list
  // for one item: configured.ts reads both.
  option.description += ` (env: ${env}${kind === 'flag' ? `=${!option.negate}` : ', with spaces'})`
  return option
}

/** Adds --config and --print-config, when all settings are there. */
export function withSettings(command: Command): Command {
  return command
    .addOption(
      new Option('--config <file>', 'settings in YAML; --print-config writes such a file')
        .env('WEFT_CONFIG')
        .argParser(filled),
    )
    .option('--print-config', 'print each setting and where it comes from, and end')
}

/** Options that ask something of one run, and are no setting of a service. */
const asked: ReadonlySet<string> = new Set(['config', 'printConfig', 'remove'])

/** In the order of help. */
export function settingsOf(command: Command): Setting[] {
  const options = command.options.filter((option) => !asked.has(option.attributeName()))
  return options.map((option) => {
    const key = option.attributeName()
    return { key, env: envName(key), kind: kindOf(option), option }
  })
}

function kindOf(option: Option): Kind {
  if (option.isBoolean() || option.negate) return 'flag'
  if (option.variadic) return 'list'
  return typeof option.defaultValue === 'number' ? 'number' : 'text'
}

/** A variable that is set to nothing is a mistake: a store without a name would keep nothing. */
function filled(text: string): string {
  if (text === '') throw new InvalidArgumentError('It would be something, or left out.')
  return text
}

/** What the command gets for a text. @throws InvalidArgumentError with what would be right */
export function parsed({ option, kind }: Setting, text: string): unknown {
  if (kind === 'flag') {
    if (text !== 'true' && text !== 'false')
      throw new InvalidArgumentError('It would be true or false.')
    return text === 'true'
  }
  if (kind === 'list') return text.split(/\s+/).filter((word) => word !== '')
  return option.parseArg === undefined ? text : option.parseArg(text, undefined)
}

/** As one would type it: '127.0.0.1:8080', 'true'; of a list with spaces. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join(' ')
  if (typeof value !== 'object' || value === null) return String(value)
  if ('path' in value) return `unix:${value.path}`
  const { host, port } = value as { readonly host: string; readonly port: number }
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
