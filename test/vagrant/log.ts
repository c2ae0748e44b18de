/** What `npm run test:vagrant` prints, in a file as well. */
import { appendFileSync, writeFileSync } from 'node:fs'

export interface Log {
  /** One or more lines. */
  say(text: string): void
  /** Output of a program, line by line; of one that it has written over itself, as progress is, what stayed. */
  output(chunk: Buffer): void
  took(stage: string, ms: number): void
  /** Times of all stages, the verdict, and where the log is. */
  end(failure: unknown): void
}

export function openLog(file: string): Log {
  writeFileSync(file, '')
  const times: [stage: string, ms: number][] = []
  const decoder = new TextDecoder()
  let begun = ''
  const write = (text: string): void => {
    process.stdout.write(text)
    appendFileSync(file, text)
  }
  const say = (text: string): void => {
    const rest = begun === '' ? '' : `${begun}\n`
    begun = ''
    write(`${rest}${text}\n`)
  }
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1).padStart(7)} s`
  return {
    say,
    output(chunk) {
      const lines = `${begun}${decoder.decode(chunk, { stream: true })}`.split('\n').map(stayed)
      begun = lines.pop() ?? ''
      if (lines.length > 0) write(`${lines.join('\n')}\n`)
    },
    took(stage, ms) {
      times.push([stage, ms])
      say(`    ${stage}: ${seconds(ms).trim()}`)
    },
    end(failure) {
      const total = times.reduce((sum, [, ms]) => sum + ms, 0)
      say('--- times')
      for (const [stage, ms] of [...times, ['together', total] as const])
        say(`${stage.padEnd(14)} ${seconds(ms)}`)
      if (failure === undefined) say('all is well, and nothing is left')
      else say(`FAILED: ${failure instanceof Error ? failure.message : String(failure)}`)
      say(`log: ${file}`)
    },
  }
}

const CLEAR_LINE = '\u001b[K'

const stayed = (line: string): string =>
  line.slice(line.replace(/\r$/, '').lastIndexOf('\r') + 1).replaceAll(CLEAR_LINE, '')
