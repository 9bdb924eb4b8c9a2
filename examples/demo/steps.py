"""The churn pipeline as data: seven tables, what each is made from, and the SQL that makes it.

sources → staging → household features → churn score → campaign audience
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SOURCES: Final = "completejourney"
WAREHOUSE: Final = "warehouse"


@dataclass(frozen=True, slots=True)
class Step:
    """One table of the warehouse.

    Attributes:
        table: "schema.name"; also the name of its contract and of the job that makes it.
        inputs: Datasets that it reads, (namespace, name).
        select: Fills it; `{files}` stands for the folder of the source files.
    """

    table: str
    inputs: tuple[tuple[str, str], ...]
    select: str


def _source(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((SOURCES, name) for name in names)


def _made(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((WAREHOUSE, name) for name in names)


TRANSACTIONS: Final = """
    SELECT household_id, basket_id, product_id, store_id, week, transaction_timestamp AS bought_at, quantity,
           sales_value, department, brand
    FROM '{files}/transactions.parquet' LEFT JOIN '{files}/products.parquet' USING (product_id)
"""

STEPS: Final = (
    Step("staging.transactions", _source("transactions", "products"), f"{TRANSACTIONS} WHERE week <= 52"),
    Step(
        "staging.households",
        _source("demographics"),
        "SELECT household_id, age, income, household_size, kids_count, home_ownership FROM '{files}/demographics.parquet'",
    ),
    Step(
        "staging.campaigns",
        _source("campaigns", "campaign_descriptions"),
        "SELECT household_id, campaign_id, campaign_type, start_date, end_date "
        "FROM '{files}/campaigns.parquet' JOIN '{files}/campaign_descriptions.parquet' USING (campaign_id)",
    ),
    Step(
        "staging.redemptions",
        _source("coupon_redemptions"),
        "SELECT household_id, coupon_upc, campaign_id, redemption_date AS redeemed_at "
        "FROM '{files}/coupon_redemptions.parquet'",
    ),
    Step(
        "staging.promotions",
        _source("promotions"),
        "SELECT product_id, week, count(*) AS stores FROM '{files}/promotions.parquet' GROUP BY ALL",
    ),
    Step(
        "features.household",
        _made(
            "staging.transactions",
            "staging.promotions",
            "staging.households",
            "staging.campaigns",
            "staging.redemptions",
        ),
        """
        WITH bought AS (
            SELECT household_id, count(DISTINCT basket_id) AS baskets, round(sum(sales_value), 2) AS spend,
                   count(DISTINCT basket_id) FILTER (week > 48) AS baskets_recent,
                   count(DISTINCT basket_id) FILTER (week BETWEEN 45 AND 48) AS baskets_before,
                   52 - least(max(week), 52) AS weeks_since_visit,
                   avg((brand IS NOT DISTINCT FROM 'Private')::INT) AS private_label_share,
                   avg((stores IS NOT NULL)::INT) AS promoted_share
            FROM staging.transactions LEFT JOIN staging.promotions USING (product_id, week)
            GROUP BY household_id
        ),
        asked AS (SELECT household_id, count(*) AS campaigns FROM staging.campaigns GROUP BY household_id),
        answered AS (SELECT household_id, count(*) AS redemptions FROM staging.redemptions GROUP BY household_id)
        SELECT bought.*, coalesce(campaigns, 0) AS campaigns, coalesce(redemptions, 0) AS redemptions,
               households.household_id IS NOT NULL AS is_described
        FROM bought LEFT JOIN asked USING (household_id) LEFT JOIN answered USING (household_id)
             LEFT JOIN staging.households AS households ON households.household_id = bought.household_id
        """,
    ),
    Step(
        "models.churn_score",
        _made("features.household"),
        """
        WITH scored AS (
            SELECT household_id,
                   round(1 / (1 + exp(-(0.35 * weeks_since_visit - 0.45 * baskets_recent + 0.2 * baskets_before
                                        - 0.3 * ln(1 + redemptions) - 0.2))), 6) AS score
            FROM features.household
        )
        SELECT household_id, score, CASE WHEN score < 0.3 THEN 'low' WHEN score < 0.7 THEN 'medium' ELSE 'high' END AS band
        FROM scored
        """,
    ),
    Step(
        "marketing.audience",
        _made("models.churn_score", "staging.campaigns"),
        """
        SELECT household_id, score, CASE WHEN reached.household_id IS NULL THEN 'mailer' ELSE 'coupon' END AS channel
        FROM models.churn_score
             LEFT JOIN (SELECT DISTINCT household_id AS household_id FROM staging.campaigns) AS reached USING (household_id)
        WHERE band = 'high' ORDER BY score DESC, household_id LIMIT 500
        """,
    ),
)

# The last week of the year arrives on its own, first with a column renamed at its source, as in real life.
LATE_WEEK: Final = Step("staging.transactions", _source("transactions", "products"), f"{TRANSACTIONS} WHERE week = 53")
RENAMED: Final = Step(
    "staging.transactions",
    _source("transactions", "products"),
    f"SELECT * RENAME (sales_value AS sales_amount) FROM ({TRANSACTIONS}) WHERE week = 53",
)
