"""The question that Hanse was made for, and its one statement over the stores that ``company`` builds."""

QUESTION = "Which customers have late orders where inventory is low and payment is pending, on 1 March 2026?"

SQL = """\
WITH late AS (
  SELECT 'EU' AS shard, id, customer_id, promised FROM orders_eu.orders
   WHERE status = 'open' AND promised < DATE '2026-03-01'
  UNION ALL
  SELECT 'US', id, customer_id, promised FROM orders_us.orders
   WHERE status = 'open' AND promised < DATE '2026-03-01'
), wanted AS (
  SELECT order_id, sku, quantity FROM orders_eu.items
  UNION ALL
  SELECT order_id, sku, quantity FROM orders_us.items
), low AS (
  SELECT sku, sum(on_hand - reserved) AS available
    FROM stock.levels GROUP BY sku
  HAVING sum(on_hand - reserved) < max(reorder_point)
)
SELECT c.name AS customer, r.name AS region, late.shard, late.id AS order_id,
       DATE '2026-03-01' - late.promised AS days_late, p.name AS product,
       wanted.quantity AS wanted, low.available, pay.amount AS unpaid
  FROM late
  JOIN crm.customers AS c ON c.id = late.customer_id
  JOIN crm.regions AS r ON r.id = c.region_id
  JOIN wanted ON wanted.order_id = late.id
  JOIN low ON low.sku = wanted.sku
  JOIN stock.products AS p ON p.sku = low.sku
  JOIN payments.payments AS pay ON pay.order_id = late.id AND pay.status = 'pending'
 ORDER BY days_late DESC, order_id, product"""
