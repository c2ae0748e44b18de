/** Completion for bash (4 or newer). Neighbour: tree.ts. */
import { type Place, stepsOf } from './tree.ts'

export function bash(program: string, places: readonly Place[]): string {
  const name = `_${program}`
  return `# bash completion of ${program}: ${program} completion bash > /etc/bash_completion.d/${program}
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$at/$word" in
      ${stepsOf(places).map(quoted).join('|')}) at=\${at:+$at }$word ;;
    esac
  done
  case "$at $prev" in
${places.flatMap(values).join('\n')}
  esac
  case "$at" in
${places.map(words).join('\n')}
  esac
}
complete -F ${name} ${program}
`
}

const quoted = (text: string): string => `'${text}'`

function values({ at, flags }: Place): string[] {
  return flags
    .filter(({ value }) => value !== 'none')
    .map(({ names, value }) => {
      const cases = names.map((name) => quoted(`${at} ${name}`)).join('|')
      const reply =
        value === 'file'
          ? ' mapfile -t COMPREPLY < <(compgen -f -- "$cur");'
          : value === 'any'
            ? ''
            : ` mapfile -t COMPREPLY < <(compgen -W '${(value as readonly string[]).join(' ')}' -- "$cur");`
      return `    ${cases})${reply} return ;;`
    })
}

function words({ at, words: known, flags, takesFile }: Place): string {
  const list = [...known.map(({ word }) => word), ...flags.flatMap(({ names }) => names)].join(' ')
  const files = takesFile ? ' -f' : ''
  return `    '${at}') mapfile -t COMPREPLY < <(compgen${files} -W '${list}' -- "$cur") ;;`
}
