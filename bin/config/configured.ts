/**
 * The settings of one run: options, then environment, then file, then default; and where each of them comes from.
 * Neighbours: settings.ts, config-file.ts; ../commands/serve-options.ts calls it.
 */
import { env as environment } from 'node:process'
import { type Command, InvalidArgumentError } from 'commander'
import { stringify } from 'yaml'
import { UsageError } from '../usage.ts'
import { type FileValue, readConfig } from './config-file.ts'
import { parsed, type Setting, settingsOf, shown } from './settings.ts'

/**
 * Completes the options of a command that commander has parsed. With --print-config they are printed, and nothing is given:
 * there is nothing more to do. @throws UsageError
 */
export function configured<T>(command: Command): T | undefined {
  const settings = settingsOf(command)
  for (const setting of settings) takeVariable(command, setting)
  const { config: file, printConfig } = command.opts<{ config?: string; printConfig?: boolean }>()
  const values = file === undefined ? new Map<string, FileValue>() : readConfig(file, settings)
  for (const [key, { value }] of values)
    if (!isSaid(command, key)) command.setOptionValueWithSource(key, value, 'config')
  if (!printConfig) return command.opts() as T
  const from = (key: string) => `${file}:${values.get(key)?.line}`
  process.stdout.write(configText(command, settings, from))
  return undefined
}

const isSaid = (command: Command, key: string): boolean =>
  ['cli', 'env'].includes(command.getOptionValueSource(key) ?? '')

/** Those that commander does not read. */
function takeVariable(command: Command, setting: Setting): void {
  const { key, env, kind } = setting
  const text = environment[env]
  if (text === undefined || isSaid(command, key) || (kind !== 'flag' && kind !== 'list')) return
  try {
    command.setOptionValueWithSource(key, parsed(setting, text), 'env')
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new UsageError(`${env}=${text} is invalid. ${error.message}`)
  }
}

/** A file of settings that says the same, with where each comes from. Secrets are in none of them: they are in files. */
function configText(
  command: Command,
  settings: readonly Setting[],
  fromFile: (key: string) => string,
): string {
  const rows = settings.map(({ key, env, kind }) => {
    const value = command.getOptionValue(key) as unknown
    const from = { cli: 'option', env, config: fromFile(key) }
    const source = command.getOptionValueSource(key) as keyof typeof from
    const plain = kind === 'list' || kind === 'flag' || kind === 'number' ? value : shown(value)
    const text = value === undefined ? `# ${key}:` : oneLine(key, plain)
    return { text, from: from[source] ?? (value === undefined ? 'not set' : 'default') }
  })
  const width = Math.max(...rows.map(({ text }) => text.length))
  return rows.map(({ text, from }) => `${text.padEnd(width)}  # ${from}\n`).join('')
}

/** Of what does not fit on a line in YAML's own way the JSON, which is YAML too. */
function oneLine(key: string, value: unknown): string {
  const line = stringify({ [key]: value }, { collectionStyle: 'flow', lineWidth: 0 }).trim()
  return line.includes('\n')
    ? `${key}: ${JSON.stringify(value)}`
    : line.replace(/^\{ (.*) \}$/, '$1')
}
