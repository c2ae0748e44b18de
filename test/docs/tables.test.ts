/** Tables in READMEs are generated: `WEFT_WRITE_DOCS=1 npx vitest run test/docs` writes them, without it they are compared. */
import { readFileSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { formatNames, formats } from '../../bin/attach/formats.ts'
import { addAgent } from '../../bin/commands/agent-options.ts'
import { addServe } from '../../bin/commands/serve-options.ts'
import { settingsOf, shown } from '../../bin/config/settings.ts'
import { groups as checkGroups } from '../../bin/doctor/groups.ts'
import { dropReasons } from '../../controller/compiler/reason.ts'
import { table } from '../../controller/compiler/stages.ts'
import { collections } from '../../controller/model/collections.ts'
import { problemTypes } from '../../controller/model/errors.ts'
import { overheadBytes } from '../../controller/model/overhead.ts'
import { pathOf } from '../../controller/northbound/paths.ts'
import { eventTypes } from '../../controller/reconciler/events.ts'
import * as scenarios from '../scenarios/table.ts'

type Rows = readonly (readonly (string | number)[])[]

type Declared = keyof typeof collections

const encapsulations = [
  ['VXLAN over IPv4', { family: 4 }],
  ['VXLAN over IPv6', { family: 6 }],
  ['a VLAN tag of a workload (vlanTransparent)', { tags: 1 }],
  ['two of them (QinQ)', { tags: 2 }],
] as const

const services = new Command()
addServe(services, async () => {}, '')
addAgent(services, async () => {})

const settings = Object.fromEntries(
  services.commands.map((command) => [
    `settings of weft ${command.name()}`,
    {
      heading: ['key', 'option', 'variable', 'default', 'says'],
      rows: settingsOf(command).map(({ key, env, kind, option }) => {
        const { flags, defaultValue, defaultValueDescription, negate, argChoices } = option
        const standard = negate ? true : (defaultValueDescription ?? defaultValue ?? '')
        const says = option.description.replace(/ \(env: .*\)$/, '')
        const choices = argChoices === undefined ? '' : `: ${argChoices.join(', ')}`
        const typed = kind === 'flag' ? `${env}=${!negate}` : env
        const cells = [`\`${flags}\``, `\`${typed}\``, shown(standard), says + choices]
        return [key, ...cells].map((cell) => cell.replaceAll('|', '\\|'))
      }),
    },
  ]),
)

/** file -> title -> heading and rows. */
const documents: Record<string, Record<string, { heading: readonly string[]; rows: Rows }>> = {
  'controller/README.md': {
    stages: { heading: ['stage', 'table'], rows: Object.entries(table) },
    'drop reasons': {
      heading: ['reason', 'code', 'the frame is dropped because'],
      rows: Object.entries(dropReasons).map(([name, [code, sentence]]) => [name, code, sentence]),
    },
    events: { heading: ['event', 'says'], rows: Object.entries(eventTypes) },
  },
  'bin/config/README.md': settings,
  'bin/README.md': {
    checks: {
      heading: ['asked by', 'check', 'looks at'],
      rows: Object.entries(checkGroups).flatMap(([command, checks]) =>
        checks.map(({ name, looksAt }) => [`\`${command}\``, name, looksAt]),
      ),
    },
  },
  'topologies/README.md': { scenarios: { heading: scenarios.heading, rows: scenarios.rows } },
  'bin/attach/README.md': {
    formats: {
      heading: ['format', 'prints', 'kinds of host'],
      rows: formatNames.map((name) => {
        const { says, hosts } = formats[name]
        return [`\`${name}\``, says, hosts.join(', ') || 'none of Weft']
      }),
    },
  },
  'controller/model/README.md': {
    collections: {
      heading: ['collection', 'path', 'refers to', 'fixed for life'],
      rows: Object.entries(collections).map(([name, { references, fixed }]) => [
        name,
        pathOf(name as Declared).object,
        references.map(({ field, to }) => (field === '' ? to : `${field} (${to})`)).join(', '),
        fixed.join(', '),
      ]),
    },
    overhead: {
      heading: ['encapsulation', 'bytes'],
      rows: encapsulations.map(([name, given]) => [name, overheadBytes(given)]),
    },
    problems: {
      heading: ['type', 'status', 'sentence'],
      rows: Object.entries(problemTypes).map(([name, [status, sentence]]) => [
        name,
        status,
        sentence,
      ]),
    },
  },
}

for (const [file, tables] of Object.entries(documents)) {
  test(`the generated tables of ${file} are what the code says`, () => {
    const url = new URL(`../../${file}`, import.meta.url)
    const text = readFileSync(url, 'utf8')
    let wanted = text
    for (const [title, { heading, rows }] of Object.entries(tables)) {
      const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
      const rule = `|${'---|'.repeat(heading.length)}`
      const body = [line(heading), rule, ...rows.map(line)].join('\n')
      const block = new RegExp(`(<!-- generated: ${title} -->\n)[^]*?(<!-- end -->)`)
      expect(text, `${file} has a place for ${title}`).toMatch(block)
      wanted = wanted.replace(block, (_, begin: string, end: string) => `${begin}${body}\n${end}`)
    }
    if (process.env.WEFT_WRITE_DOCS) writeFileSync(url, wanted)
    else expect(text).toBe(wanted)
  })
}
