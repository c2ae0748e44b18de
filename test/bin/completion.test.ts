/** `weft completion`: the scripts know every command and option, and bash completes with its own. */
import { execFileSync } from 'node:child_process'
import { describe, expect, test, vi } from 'vitest'
import { needs } from '../needs.ts'
import { runWeft } from './weft.ts'

// Each command is a process of its own, which takes its time on a machine that has other things to do.
vi.setConfig({ testTimeout: 120_000 })

const scripts = ['bash', 'zsh', 'fish'] as const

test.each(scripts)('%s: all commands, their options and their choices are in it', async (shell) => {
  const { code, stdout } = await runWeft(['completion', shell])
  expect(code).toBe(0)
  for (const word of [
    'apply',
    'token',
    'create',
    'plan-id',
    'physical-networks',
    'libvirt',
    'reader',
  ])
    expect(stdout, word).toContain(word)
})

test('a shell that there is not is refused', async () => {
  expect(await runWeft(['completion', 'csh'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Allowed choices are bash, zsh, fish.'),
  })
})

describe('in bash', needs('linux'), () => {
  test('what is typed is completed: commands, collections, options, their values, files', async () => {
    const { stdout: script } = await runWeft(['completion', 'bash'])
    const complete = (...words: readonly string[]): string[] => {
      const ask =
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weft; set -- COMPREPLY[@]; printf "%s\\n" "$\u007b!1}"'
      const said = execFileSync('bash', ['-c', `${script}\n${ask}`, 'bash', 'weft', ...words], {
        encoding: 'utf8',
        cwd: import.meta.dirname,
      })
      return said.split('\n').filter(Boolean)
    }
    expect(complete('to')).toEqual(['token'])
    expect(complete('token', '')).toEqual(expect.arrayContaining(['create', 'list', 'delete']))
    expect(complete('get', 'p')).toEqual(['physical-networks', 'ports'])
    expect(complete('get', 'ports', '-o', '')).toEqual(['table', 'json', 'yaml'])
    expect(complete('token', 'create', 'ci', '--role', 'r')).toEqual(['reader'])
    expect(complete('apply', '--plan')).toEqual(['--plan-id'])
    expect(complete('apply', '-f', 'completion')).toEqual(['completion.test.ts'])
    expect(complete('get', 'ports', '--tenant', '')).toEqual([])
  })
})
