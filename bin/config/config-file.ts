/**
 * Settings in a YAML file, held against a schema that is made of the options of the command: unknown keys are refused, and
 * all that is wrong is said at once, each with its line. Neighbours: settings.ts, configured.ts.
 */
import { InvalidArgumentError } from 'commander'
import { type TSchema, Type } from 'typebox'
import type { Problem } from '../../controller/model/errors.ts'
import { hint } from '../../controller/model/suggest.ts'
import { unescaped, validator } from '../../controller/model/validate.ts'
import { parseYaml } from '../../controller/model/yaml.ts'
import { FileError, readText } from '../text-file.ts'
import { UsageError } from '../usage.ts'
import { parsed, type Setting, shown } from './settings.ts'

export interface FileValue {
  /** As the command gets it. */
  readonly value: unknown
  /** From 1. */
  readonly line: number
}

/** Values by key. @throws UsageError with a line for each thing that is wrong */
export function readConfig(
  file: string,
  settings: readonly Setting[],
): ReadonlyMap<string, FileValue> {
  const yaml = parseYaml(textOf(file))
  const at = (path: readonly string[], part: 'key' | 'value') => {
    const { line, column } = yaml.position(path, part)
    return `${file}:${line}:${column}`
  }
  refuse(yaml.errors.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`))
  // Of a file in which all is commented out.
  const given = yaml.value ?? {}
  const validate = validator(schemaOf(settings))
  const problems = validate(given).map((problem) => {
    const path = problem.pointer.split('/').slice(1).map(unescaped)
    const part = problem.type === 'unknown_field' ? 'key' : 'value'
    const { line } = yaml.position(path, part)
    return { line, text: `${at(path, part)}: ${sentence(problem, path, settings)}` }
  })
  refuse(problems.sort((a, b) => a.line - b.line).map(({ text }) => text))
  const values = new Map<string, FileValue>()
  const wrong: string[] = []
  for (const [key, raw] of Object.entries(given as object)) {
    const setting = settings.find((each) => each.key === key) as Setting
    try {
      const value = setting.kind === 'list' ? raw : parsed(setting, shown(raw))
      values.set(key, { value, line: yaml.position([key], 'key').line })
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      wrong.push(`${at([key], 'value')}: ${key}: '${shown(raw)}' is invalid. ${error.message}`)
    }
  }
  refuse(wrong)
  return values
}

/** One that cannot be read is a mistake of whoever named it, like one that is wrong: trying again helps neither. */
function textOf(file: string): string {
  try {
    return readText(file)
  } catch (error) {
    throw error instanceof FileError ? new UsageError(error.message) : error
  }
}

function refuse(lines: readonly string[]): void {
  if (lines.length > 0) throw new UsageError(lines.join('\n'))
}

function sentence(
  { type, detail, expected }: Problem,
  path: readonly string[],
  settings: readonly Setting[],
): string {
  const [key = ''] = path
  const keys = settings.map((each) => each.key)
  if (type === 'unknown_field') return `${key} is no setting; ${hint(key, keys)}`
  if (path.length === 0) return `a file of settings is KEY: VALUE, line by line; ${hint('', keys)}`
  const said = detail.includes(expected) ? detail : `${detail}; expected ${expected}`
  return `${path.join('.')}: ${said}`
}

const schemaOf = (settings: readonly Setting[]): TSchema =>
  Type.Object(
    Object.fromEntries(
      settings.map((setting) => [setting.key, Type.Optional(schemaOfValue(setting))]),
    ),
    { additionalProperties: false },
  )

function schemaOfValue({ kind, option }: Setting): TSchema {
  const { flags, negate, argChoices } = option
  const says = option.description.replace(/ \(env: .*\)$/, '')
  const [form] = /<.*>/.exec(flags) ?? [negate ? 'when false' : 'when true']
  const description = `${form}, ${says}`
  if (kind === 'flag') return Type.Boolean({ description })
  if (kind === 'number') return Type.Number({ description })
  if (kind === 'list') return Type.Array(Type.String({ minLength: 1 }), { description })
  if (argChoices === undefined) return Type.String({ minLength: 1, description })
  return Type.Enum(argChoices, { description: `one of ${argChoices.join(', ')}` })
}
