/** A value as it was asked for: JSON or YAML for programs, lines for people. Neighbours: ../commands/. */
import type { OutputFormat } from '../commands/rest-options.ts'

/** @param lines for people, made only when they are who asks */
export async function print(
  format: OutputFormat,
  value: unknown,
  lines: () => readonly string[],
): Promise<void> {
  process.stdout.write(await textOf(format, value, lines))
}

async function textOf(...[format, value, lines]: Parameters<typeof print>): Promise<string> {
  if (format === 'json') return `${JSON.stringify(value, undefined, 2)}\n`
  if (format === 'table')
    return lines()
      .map((line) => `${line}\n`)
      .join('')
  const { stringify } = await import('yaml')
  return stringify(value, { lineWidth: 0 })
}
