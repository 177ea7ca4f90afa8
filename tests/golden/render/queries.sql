-- what the writer makes of a statement in each dialect; the statements are separated by blank lines

SELECT customer, total FROM orders WHERE total >= 10 AND placed >= DATE '2026-01-01'

SELECT id, total + 1 FROM orders WHERE note = 'it''s' OR total IS NULL ORDER BY id DESC LIMIT 10 OFFSET 5

SELECT c.name, count(*), sum(o.total) FROM customers c JOIN orders o ON o.customer = c.id WHERE o.total > 3 GROUP BY c.name HAVING count(*) > 2 ORDER BY 2 DESC

SELECT o.id, c.name FROM orders o LEFT JOIN (SELECT * FROM customers WHERE age > 30) c ON o.customer = c.id

SELECT name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id AND o.total > 100)

SELECT DISTINCT note FROM orders ORDER BY note

SELECT id FROM orders WHERE id IN (1, 2, 3) AND customer = $1

SELECT id, name FROM customers UNION ALL SELECT id, note FROM orders UNION ALL SELECT 1, 'x'

WITH big AS (SELECT customer, sum(total) AS total FROM orders GROUP BY customer) SELECT a.customer FROM big a JOIN big b ON a.total < b.total

SELECT id, rank() OVER (PARTITION BY customer ORDER BY total DESC) FROM orders

SELECT id FROM (SELECT id, total FROM orders ORDER BY total LIMIT 5) x WHERE total > 3
