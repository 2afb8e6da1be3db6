// A table that stays one at any width: on a narrow screen each row becomes a block whose values carry their column's name.
import { type ReactNode, useMemo } from 'react';
import { useUrlState } from '../shell/url-state.ts';
import css from './table.module.css';

export type Column<T> = {
  readonly id: string;
  readonly title: string;
  readonly cell: (row: T) => ReactNode;
  /** Makes it sortable. */
  readonly sortBy?: (row: T) => string | number;
  readonly align?: 'end';
  readonly isRowHeader?: boolean;
};

export type DataTableProps<T> = {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  /** Which column sorts it in the URL: `sort=name` or `sort=-name`; where there are several tables, the name of the parameter. */
  readonly sortName?: string;
};

export function DataTable<T>({ label, columns, rows, keyOf, sortName = 'sort' }: DataTableProps<T>) {
  const [sort, setSort] = useUrlState(sortName);
  const [column, isDown] = sort.startsWith('-') ? [sort.slice(1), true] : [sort, false];
  const sorted = useMemo(
    () => sortRows(rows, columns.find(({ id }) => id === column)?.sortBy, isDown),
    [rows, columns, column, isDown],
  );
  const press = (id: string): void => setSort(column !== id ? id : isDown ? '' : `-${id}`);
  return (
    <table className={css['table']} aria-label={label}>
      <thead>
        <tr>
          {columns.map(({ id, title, sortBy, align }) => (
            <th
              key={id}
              scope="col"
              className={align === 'end' ? css['end'] : undefined}
              aria-sort={column === id ? (isDown ? 'descending' : 'ascending') : undefined}
            >
              {sortBy === undefined ? (
                title
              ) : (
                <button type="button" className={css['sort']} onClick={() => press(id)}>
                  {title}
                  <span aria-hidden="true">{column === id ? (isDown ? ' ↓' : ' ↑') : ''}</span>
                </button>
              )}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {sorted.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map(({ id, title, cell, align, isRowHeader = false }) => {
              const shared = { className: align === 'end' ? css['end'] : undefined, 'data-label': title };
              return isRowHeader ? (
                <th key={id} scope="row" {...shared}>
                  <div className={css['value']}>{cell(row)}</div>
                </th>
              ) : (
                <td key={id} {...shared}>
                  <div className={css['value']}>{cell(row)}</div>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function sortRows<T>(rows: readonly T[], by: ((row: T) => string | number) | undefined, isDown: boolean): readonly T[] {
  if (by === undefined) return rows;
  const sorted = rows.toSorted((a, b) => {
    const [left, right] = [by(a), by(b)];
    return typeof left === 'number' && typeof right === 'number'
      ? left - right
      : String(left).localeCompare(String(right), 'en', { numeric: true });
  });
  return isDown ? sorted.toReversed() : sorted;
}
